import Foundation
import Testing

@testable import HTTPServer

/// What one client, or a crowd, can take from others.
@Suite struct ShareTests {
    private static let probes: Set<String> = ["/livez"]

    @Test("probes are answered over the limit of connections, and over a client's", arguments: [0, 2])
    func reserve(perClient: Int) throws {
        let test = try TestServer({
            $0.connectionLimit = perClient == 0 ? 2 : 100
            $0.connectionsPerClient = perClient
            $0.probePaths = Self.probes
        })
        let idle = [try test.connect(), try test.connect()]
        #expect(eventually { test.server.statistics.openConnections == 2 })
        for _ in 0..<5 {
            let probe = try test.connect()
            try probe.send(request("GET", "/livez") + request("GET", "/livez"))
            let answer = try probe.readAnswer()
            #expect(answer.text == "GET /livez")
            #expect(answer.header("Connection") == "close")
            #expect(try probe.isAtEnd(), "one probe, and the place is free again")
        }
        for other in [request("GET", "/other"), request("POST", "/livez"), request("GET", "/livez", body: [1])] {
            let client = try test.connect()
            client.sendIgnoringErrors(other)
            #expect(try client.readAnswer().status == (perClient == 0 ? 503 : 429))
            #expect(try client.isAtEnd())
        }
        #expect(test.server.statistics.refusedConnections == 3)
        withExtendedLifetime(idle) {}
        test.stop()
    }

    @Test("connections that ask nothing do not fill the reserve")
    func fullReserve() throws {
        let test = try TestServer({
            $0.connectionLimit = 1
            $0.probePaths = Self.probes
            $0.probeReserve = 3
        })
        let idle = try (0..<40).map { _ in try test.connect() }
        // Half a head is nothing asked, either.
        for client in idle { client.sendIgnoringErrors(Array("GET /li".utf8)) }
        for _ in 0..<10 { #expect(try test.exchange(request("GET", "/livez")).status == 200) }
        #expect(eventually { test.server.statistics.openConnections <= 4 })
        // Those who made way are told why.
        #expect(try idle[5].readAnswer().code == "too_many_connections")
        test.stop()
    }

    @Test("a probe that is being answered does not make way")
    func probesInProgress() throws {
        let waiting = Waiting()
        let test = try TestServer(
            {
                $0.connectionLimit = 1
                $0.probePaths = Self.probes
                $0.probeReserve = 2
            }, handle: waiting.take)
        let first = try test.connect()
        #expect(eventually { test.server.statistics.openConnections == 1 })
        let probes = try (0..<2).map { _ in
            let client = try test.connect()
            try client.send(request("GET", "/livez"))
            return client
        }
        #expect(eventually { waiting.count == 2 })
        let third = try test.connect()
        #expect(try third.readAnswer().status == 503)
        for held in waiting.empty() { held.responder.respond(echo(held.request)) }
        for probe in probes { #expect(try probe.readAnswer().status == 200) }
        withExtendedLifetime(first) {}
        test.stop()
    }

    @Test("a port for probes answers them, and nothing else")
    func probePort() throws {
        let test = try TestServer({
            $0.probePaths = Self.probes
            $0.probePort = 0
            $0.connectionLimit = 1
        })
        let port = try #require(test.server.probePort)
        #expect(port != test.port)
        let idle = try test.connect()
        for (path, status) in [("/livez", 200), ("/other", 404), ("/livez", 200)] {
            let client = try RawClient(port: port)
            try client.send(request("GET", path))
            #expect(try client.readAnswer().status == status)
            #expect(try client.isAtEnd())
        }
        withExtendedLifetime(idle) {}
        test.stop()
    }

    @Test("trusted addresses are not bound by what one client may have")
    func trusted() throws {
        let test = try TestServer({
            $0.connectionsPerClient = 1
            $0.bodyLimit = 1000
            $0.bodyMemoryPerClient = 1
            $0.trustedClients = [AddressRange("127.0.0.0/8")].compactMap { $0 }
        })
        let clients = try (0..<20).map { _ in try test.connect() }
        for client in clients {
            try client.send(request("POST", "/x", body: noise(900)))
            #expect(try client.readAnswer().status == 200)
        }
        test.stop()
    }

    @Test("the bodies of one client leave room for those of others")
    func bodiesOfOneClient() throws {
        let waiting = Waiting()
        let test = try TestServer(
            {
                $0.bodyLimit = 1000
                $0.bodyMemoryLimit = 8000
            }, handle: waiting.take)
        // A quarter: two bodies.
        let greedy = try (0..<2).map { _ in
            let client = try test.connect(from: "127.0.0.2")
            try client.send(request("POST", "/x", body: noise(1000)))
            return client
        }
        #expect(eventually { waiting.count == 2 })
        for bytes in [
            request("POST", "/x", headers: ["Content-Length: 1"]),
            request("POST", "/x", headers: ["Transfer-Encoding: chunked"]) + chunked([1], size: 1),
        ] {
            let client = try test.connect(from: "127.0.0.2")
            client.sendIgnoringErrors(bytes)
            let answer = try client.readAnswer()
            #expect(answer.status == 429)
            #expect(answer.code == "too_many_bytes")
        }
        let other = try test.connect(from: "127.0.0.3")
        try other.send(request("POST", "/x", body: noise(1000)))
        #expect(eventually { waiting.count == 3 })
        for held in waiting.empty() { held.responder.respond(echo(held.request)) }
        for client in greedy + [other] { #expect(try client.readAnswer().status == 200) }
        #expect(eventually { test.server.statistics.bodyBytes == 0 })
        let again = try test.connect(from: "127.0.0.2")
        try again.send(request("POST", "/x", body: noise(1000)))
        #expect(eventually { waiting.count == 1 })
        for held in waiting.empty() { held.responder.respond(echo(held.request)) }
        #expect(try again.readAnswer().status == 200)
        test.stop()
    }

    @Test("addresses, and networks of them")
    func ranges() throws {
        for (range, inside, outside) in [
            ("192.0.2.7", ["192.0.2.7"], ["192.0.2.6", "::1", ""]),
            ("10.0.0.0/8", ["10.0.0.0", "10.255.1.2"], ["11.0.0.0", "9.255.255.255"]),
            ("10.128.0.0/9", ["10.128.0.1", "10.255.0.1"], ["10.127.255.255"]),
            ("2001:db8::/32", ["2001:db8:ffff::1"], ["2001:db9::", "32.1.13.184"]),
            ("0.0.0.0/0", ["1.2.3.4"], ["::1"]), ("fe80::/10", ["fe80::1%eth0"], ["fec0::1"]),
        ] {
            let range = try #require(AddressRange(range))
            for address in inside { #expect(range.contains(address), "\(range) \(address)") }
            for address in outside { #expect(!range.contains(address), "\(range) \(address)") }
        }
        for text in ["", "a", "1.2.3", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/", "::/129", "localhost"] {
            #expect(AddressRange(text) == nil, "\(text)")
        }
        #expect(ClientKey("2001:db8:1:2:3::4") == ClientKey("2001:db8:1:2::"))
        #expect(ClientKey("2001:db8:1:2:3::4") != ClientKey("2001:db8:1:3::"))
        #expect(ClientKey("10.0.0.1") != ClientKey("10.0.0.2"))
    }
}
