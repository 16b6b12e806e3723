import Glibc

/// What counts as one client: an IPv4 address, or the /64 network of an IPv6 address, which is what one line is given.
struct ClientKey: Hashable {
    private let bytes: [UInt8]

    /// - Parameter address: a numeric address; anything else is a client of its own.
    init(_ address: String) { bytes = networkBytes(of: address).map { $0.count == 16 ? Array($0[..<8]) : $0 } ?? Array(address.utf8) }
}

/// An address, or a network of them: `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`.
public struct AddressRange: Sendable, Hashable {
    private let bytes: [UInt8]
    private let prefix: Int

    /// Nil where the text is none.
    public init?(_ text: String) {
        let halves = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let bytes = networkBytes(of: String(halves[0])) else { return nil }
        self.bytes = bytes
        if halves.count == 1 {
            prefix = bytes.count * 8
        } else {
            guard let length = Int(halves[1]), (0...bytes.count * 8).contains(length) else { return nil }
            prefix = length
        }
    }

    /// Whether this numeric address lies in it.
    public func contains(_ address: String) -> Bool {
        guard let other = networkBytes(of: address), other.count == bytes.count else { return false }
        let (whole, rest) = (prefix / 8, prefix % 8)
        guard other[..<whole] == bytes[..<whole] else { return false }
        return rest == 0 || (other[whole] ^ bytes[whole]) >> UInt8(8 - rest) == 0
    }
}

/// The 4 or 16 bytes of a numeric address.
private func networkBytes(of address: String) -> [UInt8]? {
    // A link-local address names its interface, too.
    let text = String(address.prefix { $0 != "%" })
    for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
        var bytes = [UInt8](repeating: 0, count: count)
        if inet_pton(family, text, &bytes) == 1 { return bytes }
    }
    return nil
}
