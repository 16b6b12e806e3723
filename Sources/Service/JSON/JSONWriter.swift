/// Writes JSON straight into bytes, fields in the order in which they come: many times faster than an encoder, which answers and log lines,
/// one a request, would feel.
package struct JSONWriter {
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    package init() {}

    /// The text of one value.
    package static func text(_ value: some JSONWritable) -> [UInt8] {
        var writer = JSONWriter()
        writer.bytes.reserveCapacity(1024)
        value.write(to: &writer)
        return writer.bytes
    }

    package mutating func object(_ fields: (inout JSONWriter) -> Void) { enclose("{", "}", fields) }

    package mutating func array(_ items: some Sequence<some JSONWritable>) {
        enclose("[", "]") { writer in
            for item in items {
                writer.separate()
                item.write(to: &writer)
                writer.needsComma = true
            }
        }
    }

    /// A field of an object; nothing for nil.
    package mutating func field(_ name: String, _ value: (some JSONWritable)?) {
        guard let value else { return }
        separate()
        string(name)
        bytes.append(UInt8(ascii: ":"))
        value.write(to: &self)
        needsComma = true
    }

    package mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0x00..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                bytes += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// A number or a literal as its description says; `null` for what JSON has no number for.
    package mutating func literal(_ value: some CustomStringConvertible, isFinite: Bool = true) {
        bytes += Array((isFinite ? value.description : "null").utf8)
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = false
    }

    private mutating func enclose(_ start: Unicode.Scalar, _ end: Unicode.Scalar, _ body: (inout JSONWriter) -> Void) {
        bytes.append(UInt8(ascii: start))
        needsComma = false
        body(&self)
        bytes.append(UInt8(ascii: end))
        needsComma = true
    }
}

/// What `JSONWriter` writes.
package protocol JSONWritable {
    func write(to writer: inout JSONWriter)
}

extension String: JSONWritable {
    package func write(to writer: inout JSONWriter) { writer.string(self) }
}

extension Int: JSONWritable {
    package func write(to writer: inout JSONWriter) { writer.literal(self) }
}

extension Double: JSONWritable {
    package func write(to writer: inout JSONWriter) { writer.literal(self, isFinite: isFinite) }
}

extension Float: JSONWritable {
    package func write(to writer: inout JSONWriter) { writer.literal(self, isFinite: isFinite) }
}

extension Bool: JSONWritable {
    package func write(to writer: inout JSONWriter) { writer.literal(self) }
}

extension Array: JSONWritable where Element: JSONWritable {
    package func write(to writer: inout JSONWriter) { writer.array(self) }
}
