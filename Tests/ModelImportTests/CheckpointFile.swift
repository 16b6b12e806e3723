import Foundation
import SENet

/// Writes what `torch.save` writes: a zip of stored members, the object as a pickle of protocol 2, and the elements of each tensor.
struct CheckpointFile {
    /// A Python value.
    indirect enum Value {
        case none
        case bool(Bool)
        case integer(Int)
        /// Of any size: two's complement, little-endian.
        case long([UInt8])
        case real(Double)
        case text(String)
        case list([Value])
        case dictionary([(String, Value)])
        case numbered([(Int, Value)])
        case tensor(Tensor)
        /// What `Class.__new__(Class)` makes, and its attributes: `argparse.Namespace`.
        case object(String, [(String, Value)])
        /// A function's result: `pathlib.PosixPath("data")`.
        case call(String, [Value])
        /// A class or a constant: `torch.float32`.
        case global(String)
    }

    struct Tensor {
        var storage = "FloatStorage"
        var shape: [Int]
        var bytes: Data

        init(_ floats: [Float], shape: [Int]) {
            (self.shape, bytes) = (shape, floats.withUnsafeBytes { Data($0) })
        }

        init(_ integer: Int64) {
            (storage, shape, bytes) = ("LongStorage", [], withUnsafeBytes(of: integer.littleEndian) { Data($0) })
        }
    }

    private var pickle = Data([0x80, 2])
    private var storages: [Data] = []

    static func data(_ value: Value) -> Data {
        var file = CheckpointFile()
        file.append(value)
        file.pickle.append(contentsOf: ".".utf8)
        return zip([("archive/data.pkl", file.pickle)] + file.storages.enumerated().map { ("archive/data/\($0)", $1) })
    }

    // MARK: - The pickle

    private mutating func append(_ opcodes: String) { pickle.append(contentsOf: opcodes.utf8) }
    private mutating func append(number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.littleEndian) { pickle.append(contentsOf: $0) }
    }

    private mutating func append(global: String) {
        let dot = global.lastIndex(of: ".") ?? global.startIndex
        append("c\(global[..<dot])\n\(global[global.index(after: dot)...])\n")
    }

    private mutating func append(_ value: Value) {
        switch value {
        case .none: append("N")
        case .bool(let bool): pickle.append(bool ? 0x88 : 0x89)
        case .integer(let integer): append(.long(withUnsafeBytes(of: integer.littleEndian) { Array($0) }))
        case .long(let bytes) where bytes.count < 256: pickle += [0x8a, UInt8(bytes.count)] + bytes
        case .long(let bytes):
            pickle.append(0x8b)
            append(number: UInt32(bytes.count))
            pickle += bytes
        case .real(let real):
            append("G")
            append(number: real.bitPattern.byteSwapped)
        case .text(let text):
            append("X")
            append(number: UInt32(text.utf8.count))
            append(text)
        case .list(let values):
            append("](")
            for value in values { append(value) }
            append("e")
        case .dictionary(let entries): append(entries: entries.map { (.text($0), $1) })
        case .numbered(let entries): append(entries: entries.map { (.integer($0), $1) })
        case .tensor(let tensor): append(tensor)
        case .object(let type, let attributes):
            append(global: type)
            append(")")
            pickle.append(0x81)
            append(.dictionary(attributes))
            append("b")
        case .call(let function, let arguments):
            append(global: function)
            append(tuple: arguments)
            append("R")
        case .global(let name): append(global: name)
        }
    }

    private mutating func append(tuple values: [Value]) {
        append("(")
        for value in values { append(value) }
        append("t")
    }

    private mutating func append(entries: [(Value, Value)]) {
        append("}(")
        for (key, value) in entries {
            append(key)
            append(value)
        }
        append("u")
    }

    private mutating func append(_ tensor: Tensor) {
        let strides = tensor.shape.indices.map { tensor.shape[($0 + 1)...].reduce(1, *) }
        append("ctorch._utils\n_rebuild_tensor_v2\n(")
        append("(")
        append(.text("storage"))
        append(global: "torch.\(tensor.storage)")
        append(.text("\(storages.count)"))
        append(.text("cpu"))
        append(.integer(tensor.shape.reduce(1, *)))
        append("tQ")
        append(.integer(0))
        append(tuple: tensor.shape.map(Value.integer))
        append(tuple: strides.map(Value.integer))
        append(.bool(false))
        append(.call("collections.OrderedDict", []))
        append("tR")
        storages.append(tensor.bytes)
    }

    // MARK: - The zip file

    /// Check sums are left zero: the reader has no use for them.
    static func zip(_ members: [(name: String, bytes: Data)]) -> Data {
        var (file, directory) = (Data(), Data())
        func number(_ number: some FixedWidthInteger) -> Data { withUnsafeBytes(of: number.littleEndian) { Data($0) } }
        for (name, bytes) in members {
            // Flags, method, time, date, check sum; the two sizes; the lengths of the name and of the extra field.
            let common =
                number(UInt64(0)) + number(UInt32(0)) + number(UInt32(bytes.count)) + number(UInt32(bytes.count))
                + number(UInt16(name.utf8.count)) + number(UInt16(0))
            directory += Data("PK\u{1}\u{2}".utf8) + number(UInt16(20)) + number(UInt16(20)) + common
            directory += number(UInt64(0)) + number(UInt16(0)) + number(UInt32(file.count)) + Data(name.utf8)
            file += Data("PK\u{3}\u{4}".utf8) + number(UInt16(20)) + common + Data(name.utf8) + bytes
        }
        let end =
            number(UInt32(0)) + number(UInt16(members.count)) + number(UInt16(members.count)) + number(UInt32(directory.count))
            + number(UInt32(file.count)) + number(UInt16(0))
        return file + directory + Data("PK\u{5}\u{6}".utf8) + end
    }
}
