import SENet

/// The fields of a protocol buffer's message that matter here, by number; others are stepped over.
struct ProtobufSchema: Sendable {
    indirect enum Kind: Sendable {
        /// Any of the varint types but zigzag.
        case integer
        /// `float`.
        case real
        case text
        /// By number, from 0.
        case enumeration([String])
        case message(ProtobufSchema)
        /// Packed numbers, left in the file: where they are.
        case bytes
    }

    var fields: [Int: (name: String, kind: Kind)]

    init(_ fields: [(Int, String, Kind)]) {
        self.fields = Dictionary(uniqueKeysWithValues: fields.map { ($0.0, ($0.1, $0.2)) })
    }
}

/// A message, from a binary file or from protobuf's text format: the values of each field by the field's name, in order.
struct ProtobufMessage: Sendable {
    enum Value: Sendable {
        case integer(Int)
        case real(Double)
        /// A string, or an enumeration's name.
        case text(String)
        case message(ProtobufMessage)
        case bytes(Range<Int>)
    }

    var fields: [String: [Value]] = [:]

    func has(_ name: String) -> Bool { fields[name] != nil }

    func texts(_ name: String) -> [String] {
        (fields[name] ?? []).compactMap { if case .text(let text) = $0 { text } else { nil } }
    }

    func text(_ name: String) -> String? { texts(name).last }

    func integers(_ name: String) -> [Int] {
        (fields[name] ?? []).compactMap { if case .integer(let integer) = $0 { integer } else { nil } }
    }

    func integer(_ name: String) -> Int? { integers(name).last }
    func bool(_ name: String) -> Bool? { integer(name).map { $0 != 0 } }

    func reals(_ name: String) -> [Double] {
        (fields[name] ?? []).compactMap {
            switch $0 {
            case .real(let real): real
            case .integer(let integer): Double(integer)
            default: nil
            }
        }
    }

    func messages(_ name: String) -> [ProtobufMessage] {
        (fields[name] ?? []).compactMap { if case .message(let message) = $0 { message } else { nil } }
    }

    /// The last one, or one without fields.
    func message(_ name: String) -> ProtobufMessage { messages(name).last ?? ProtobufMessage() }

    func ranges(_ name: String) -> [Range<Int>] {
        (fields[name] ?? []).compactMap { if case .bytes(let range) = $0 { range } else { nil } }
    }
}

/// Reads protobuf's binary format (source: the encoding's description in Protocol Buffers' documentation). The depth is that of the schema.
struct ProtobufReader {
    private var reader: ByteReader
    private var fieldsLeft: Int

    /// - Throws: `ModelError.weights` if the bytes are cut off or break the format, or hold more than `fieldLimit` fields.
    static func read(_ file: InputFile, schema: ProtobufSchema, fieldLimit: Int = 1_000_000) throws(ModelError) -> ProtobufMessage {
        var reader = ProtobufReader(reader: ByteReader(file), fieldsLeft: fieldLimit)
        return try reader.message(schema, end: file.count)
    }

    private mutating func message(_ schema: ProtobufSchema, end: Int) throws(ModelError) -> ProtobufMessage {
        var message = ProtobufMessage()
        while reader.position < end {
            let start = reader.position
            fieldsLeft -= 1
            guard fieldsLeft >= 0 else { throw reader.damaged("more fields than any network has") }
            let key = try varint()
            let (number, wireType) = (Int(key >> 3), key & 7)
            if let (name, kind) = schema.fields[number] {
                try append(kind, wireType, to: &message.fields[name, default: []])
            } else {
                try skip(wireType)
            }
            guard reader.position <= end else { throw reader.damaged("the field at byte \(start) is longer than its message") }
        }
        return message
    }

    private mutating func append(
        _ kind: ProtobufSchema.Kind, _ wireType: UInt64, to values: inout [ProtobufMessage.Value]
    ) throws(ModelError) {
        switch (kind, wireType) {
        case (.integer, 0): values.append(.integer(Int(truncatingIfNeeded: try varint())))
        case (.integer, 2):  // packed
            let end = try take().upperBound
            while reader.position < end {
                fieldsLeft -= 1
                guard fieldsLeft >= 0 else { throw reader.damaged("more fields than any network has") }
                values.append(.integer(Int(truncatingIfNeeded: try varint())))
            }
        case (.enumeration(let names), 0):
            let index = try varint()
            values.append(.text(index < names.count ? names[Int(index)] : "number \(index)"))
        case (.real, 5): values.append(.real(Double(Float(bitPattern: try reader.number(UInt32.self)))))
        case (.real, 2):
            let end = try take().upperBound
            while reader.position < end { values.append(.real(Double(Float(bitPattern: try reader.number(UInt32.self))))) }
        case (.text, 2):
            let range = try take()
            values.append(.text(try reader.text(UInt64(range.count))))
        case (.message(let schema), 2): values.append(.message(try message(schema, end: try take().upperBound)))
        case (.bytes, 2):
            let range = try take()
            values.append(.bytes(range))
            _ = try reader.take(UInt64(range.count))
        default: throw reader.damaged("a field of an unexpected type at byte \(reader.position): not what it is taken for")
        }
    }

    /// Where a field's bytes are; the reader stays before them.
    private mutating func take() throws(ModelError) -> Range<Int> {
        let count = try varint()
        var ahead = reader
        return try ahead.take(count)
    }

    private mutating func skip(_ wireType: UInt64) throws(ModelError) {
        switch wireType {
        case 0: _ = try varint()
        case 1: _ = try reader.take(8)
        case 2: _ = try reader.take(try varint())
        case 5: _ = try reader.take(4)
        default: throw reader.damaged("no protocol buffer: wire type \(wireType) at byte \(reader.position)")
        }
    }

    private mutating func varint() throws(ModelError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            let byte = try reader.byte()
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        throw reader.damaged("no protocol buffer: a number of more than ten bytes before byte \(reader.position)")
    }
}
