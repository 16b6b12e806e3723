import FoundationEssentials
import Glibc

extension Int {
    /// With a comma every three digits.
    var grouped: String {
        let digits = String(abs(self))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return self < 0 ? "-\(text)" : text
    }

    /// Bytes as mebibytes, to one decimal.
    var mebibytes: String { "\((Double(self) / 0x1p20).formatted(decimals: 1)) MiB" }
}

extension Double {
    /// As C's `%.*f` has it.
    func formatted(decimals: Int) -> String {
        // No finite double is longer: 309 digits before the point.
        var text = [CChar](repeating: 0, count: 320 + decimals)
        _ = withVaList([CInt(decimals), self]) { vsnprintf(&text, text.count, "%.*f", $0) }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

extension String {
    func rightPadded(to width: Int) -> String { self + String(repeating: " ", count: Swift.max(0, width - count)) }
    func leftPadded(to width: Int) -> String { String(repeating: " ", count: Swift.max(0, width - count)) + self }
}

/// One JSON style for everything that the program writes: keys sorted, in snake case.
enum JSON {
    static func data(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }

    static func text(_ value: some Encodable) throws -> String { String(decoding: try data(value), as: UTF8.self) }
}
