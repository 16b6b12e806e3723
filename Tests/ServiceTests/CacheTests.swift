import Foundation
import Serving
import Testing

@testable import Service

@Suite("The least recently used")
struct LeastRecentlyUsedTests {
    @Test("makes way, by use and not by age, until what is new has room")
    func order() {
        var cache = LeastRecentlyUsed<String, Int>(limit: 10)
        for (index, key) in ["a", "b", "c"].enumerated() { cache.insert(index, size: 3, for: key) }
        #expect(cache.value(for: "a") == 0)
        cache.insert(3, size: 4, for: "d")
        #expect(cache.value(for: "b") == nil && cache.value(for: "a") == 0 && cache.value(for: "c") == 2 && cache.value(for: "d") == 3)
        #expect(cache.size == 10 && cache.count == 3 && cache.evictions == 1)
        cache.insert(9, size: 10, for: "e")
        #expect(cache.count == 1 && cache.size == 10 && cache.evictions == 4)
        cache.insert(9, size: 11, for: "f")
        #expect(cache.value(for: "f") == nil && cache.value(for: "e") == 9, "larger than all may be")
        cache.insert(8, size: 1, for: "e")
        #expect(cache.size == 1 && cache.value(for: "e") == 8, "in place of the one that was there")
    }

    @Test("is what a list kept in order is, over random uses")
    func random() {
        var cache = LeastRecentlyUsed<Int, Int>(limit: 100)
        var (list, generator): ([(key: Int, size: Int)], SystemRandomNumberGenerator) = ([], SystemRandomNumberGenerator())
        for _ in 0..<20_000 {
            let key = Int.random(in: 0..<30, using: &generator)
            let index = list.firstIndex { $0.key == key }
            if Bool.random(using: &generator) {
                #expect((cache.value(for: key) != nil) == (index != nil))
                if let index { list.append(list.remove(at: index)) }
            } else {
                let size = Int.random(in: 1...40, using: &generator)
                cache.insert(key, size: size, for: key)
                if let index { list.remove(at: index) }
                while list.reduce(size, { $0 + $1.size }) > 100 { list.removeFirst() }
                list.append((key, size))
            }
            #expect(cache.count == list.count && cache.size == list.reduce(0) { $0 + $1.size })
        }
    }
}

@Suite("The cache of answers")
struct CacheTests {
    private func service(_ bytes: Int? = 1 << 20) throws -> TestService { try TestService(cache: bytes) }

    /// What does not tell of time.
    private func lasting(_ answer: HTTPAnswer) -> NSDictionary {
        var json = answer.json
        json["timing_ms"] = nil
        return json as NSDictionary
    }

    private func runs(_ service: TestService) throws -> Double {
        let samples = try Exposition(service.metrics.render()).samples
        return samples.filter { $0.name == "excite_batches_total" }.reduce(0) { $0 + $1.value }
    }

    @Test("answers the same image again without running it, whatever the form it comes in")
    func hit() throws {
        let (service, jpeg) = (try service(), try TestImages.jpeg())
        let first = try service.post(jpeg)
        #expect(first.status == 200 && first.header("Cache-Status") == "excite; fwd=miss; stored")
        let before = try runs(service)
        for again in [try service.post(jpeg), try service.post(Form(images: [jpeg]))] {
            #expect(again.header("Cache-Status") == "excite; hit")
            #expect(lasting(again) == lasting(first))
            let timing = try #require(again.json["timing_ms"] as? [String: Double])
            #expect(timing["decode"] == 0 && timing["queue"] == 0 && timing["inference"] == 0)
        }
        // Other routes and dialects have it, too.
        #expect(try service.ask("POST", "/predictions/\(TestService.tiny.get().name)", body: jpeg).header("Cache-Status") == "excite; hit")
        #expect(try service.ask("POST", "/classify?top=2", body: jpeg).predictions.count == 2)
        #expect(try runs(service) == before)
        let metrics = try Exposition(service.metrics.render())
        #expect(metrics.value("excite_cache_hits_total") == 4 && metrics.value("excite_cache_misses_total") == 1)
        #expect(metrics.value("excite_cache_entries") == 1)
        #expect(try #require(metrics.value("excite_cache_bytes")) > 0)
    }

    @Test("runs what is another image, another model, or asks for more")
    func misses() throws {
        let (service, jpeg) = (try service(), try TestImages.jpeg())
        _ = try service.post(jpeg)
        var before = try runs(service)
        let other = try TestService.other.get().name
        for (target, image) in [
            ("/classify", try TestImages.jpeg("cat")), ("/classify?model=\(other)", jpeg), ("/classify?gates=1", jpeg),
            ("/classify?input=1", jpeg), ("/classify?map=1", jpeg), ("/embed", jpeg),
        ] {
            let answer = try service.ask("POST", target, body: image)
            #expect(answer.status == 200 && answer.header("Cache-Status") == "excite; fwd=miss; stored", "\(target)")
            #expect(try runs(service) == before + 1, "\(target)")
            before += 1
            let again = try service.ask("POST", target, body: image)
            #expect(again.header("Cache-Status") == "excite; hit" && lasting(again) == lasting(answer), "\(target)")
        }
    }

    @Test("gives no answer of a model that was loaded before")
    func reloaded() throws {
        let (service, jpeg) = (try service(), try TestImages.jpeg())
        let first = try service.post(jpeg)
        let (old, new) = (try TestService.tiny.get(), try TinyModel().load())
        #expect(old.name == new.name && old.identity != new.identity)
        service.pool.remove(old)
        try service.add(new)
        let again = try service.ask(
            "POST", "/classify?model=\(new.name)", headers: ["If-None-Match: \(first.header("ETag") ?? "")"], body: jpeg)
        #expect(again.status == 200 && again.header("Cache-Status") == "excite; fwd=miss; stored")
        #expect(again.header("ETag") != first.header("ETag"))
    }

    @Test("of several images runs those that it does not know, and keeps the order")
    func several() throws {
        let (service, names) = (try service(), ["cat", "gray", "rgb"])
        let images = try names.map { try TestImages.jpeg($0) }
        _ = try service.post(images[1])
        let mixed = try service.post(Form(images: images + [[1, 2, 3]]))
        #expect(mixed.status == 200 && mixed.header("Cache-Status") == "excite; fwd=miss" && mixed.header("ETag") == nil)
        #expect(mixed.results.count == 4)
        for (image, entry) in zip(images, mixed.results) {
            let alone = try service.post(headers: ["Cache-Control: no-cache"], image)
            #expect(alone.header("Cache-Status") == nil)
            #expect(HTTPAnswer.predictions(entry) as NSArray == alone.predictions as NSArray)
        }
        #expect((mixed.results[3]["error"] as? [String: Any])?["status"] as? Int == 415)
        #expect(try service.post(Form(images: images)).header("Cache-Status") == "excite; hit")
        // What is wrong is found anew.
        #expect(try service.post([1, 2, 3]).status == 415 && service.post([1, 2, 3]).header("Cache-Status") == nil)
    }

    @Test("answers 304 to who has the answer, and only to the same question")
    func tags() throws {
        let (service, jpeg) = (try service(), try TestImages.jpeg())
        let tag = try #require(try service.post(jpeg).header("ETag"))
        #expect(tag.hasPrefix("W/\""))
        #expect(try service.post(Form(images: [jpeg])).header("ETag") != tag, "the form has a name for it")
        for known in [tag, "\"other\", \(tag)"] {
            let answer = try service.post(headers: ["If-None-Match: \(known)"], jpeg)
            #expect(answer.status == 304 && answer.body.isEmpty && answer.header("ETag") == tag)
        }
        let headers = ["If-None-Match: \(tag)"]
        #expect(try service.post(headers: headers, try TestImages.jpeg("cat")).status == 200)
        #expect(try service.post(headers: headers + ["Accept: text/html"], jpeg).status == 200)
        #expect(try service.ask("POST", "/classify?top=2", headers: headers, body: jpeg).status == 200)
        #expect(try service.post(headers: ["If-None-Match: *"], jpeg).status == 200)
        #expect(try Exposition(service.metrics.render()).value("excite_cache_not_modified_total") == 2)
    }

    @Test("answers what it knows while the pool takes nothing more")
    func overload() throws {
        let service = try TestService(cache: 1 << 20) { $0.queue = 1 }
        let jpeg = try TestImages.jpeg()
        _ = try service.post(jpeg)
        let gate = try service.holdDecoderAndQueue()
        defer { gate.open() }
        #expect(try service.post(jpeg).header("Cache-Status") == "excite; hit")
        expectProblem(try service.post(try TestImages.jpeg("cat")), 429, code: "overloaded")
        let mixed = try service.post(Form(images: [jpeg, try TestImages.jpeg("cat")]))
        expectProblem(mixed, 429, code: "overloaded")
    }

    @Test("holds no more than its bytes")
    func bounded() throws {
        let service = try service(5000)
        for name in TestImages.names { #expect(try service.post(try TestImages.jpeg(name)).status == 200) }
        let metrics = try Exposition(service.metrics.render())
        #expect(try #require(metrics.value("excite_cache_bytes")) <= 5000)
        #expect(try #require(metrics.value("excite_cache_evictions_total")) > 0)
        #expect(metrics.value("excite_cache_limit_bytes") == 5000)
    }

    @Test("is not there unless asked for")
    func absent() throws {
        let (service, jpeg) = (try service(nil), try TestImages.jpeg())
        for _ in 0..<2 {
            let answer = try service.post(jpeg)
            #expect(answer.header("Cache-Status") == nil && answer.header("ETag") == nil)
        }
        #expect(try runs(service) == 2)
    }
}
