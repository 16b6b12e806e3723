import FoundationEssentials

/// A `.safetensors` file: an 8-byte little-endian header length, a JSON header that names each tensor's type, shape and bytes, the bytes.
///
/// Source of the format and of its rules (no overlaps, no holes): the safetensors repository's format description.
public struct SafeTensors: Sendable {
    public enum ElementType: String, Sendable, Codable {
        case float32 = "F32"
        case float16 = "F16"
        case bfloat16 = "BF16"
        case float64 = "F64"
        case int64 = "I64"
        case int32 = "I32"
        case int16 = "I16"
        case int8 = "I8"
        case uint8 = "U8"
        case bool = "BOOL"

        /// Of one element.
        public var byteCount: Int {
            switch self {
            case .float64, .int64: 8
            case .float32, .int32: 4
            case .float16, .bfloat16, .int16: 2
            case .int8, .uint8, .bool: 1
            }
        }
    }

    public struct Tensor: Sendable {
        public let elementType: ElementType
        public let shape: [Int]
        /// Of its bytes, in the file.
        let range: Range<Int>

        public var count: Int { shape.reduce(1, *) }
    }

    /// Every tensor, by name.
    public let tensors: [String: Tensor]
    public let file: InputFile

    /// Opens the file and reads its header.
    ///
    /// - Throws: `ModelError.file` if it cannot be read, `ModelError.weights` if it breaks the format's rules.
    public init(path: String) throws(ModelError) {
        let file = try InputFile(path: path)
        self.file = file
        func damaged(_ what: String) -> ModelError { .weights("\(path): \(what)") }
        if let kind = FileKind(of: file), kind != .safeTensors { throw damaged("\(kind.explanation); not a safetensors file") }
        guard file.count >= 8 else { throw damaged("only \(file.count) bytes long, not a safetensors file") }
        let declared = try file.bytes(0..<8).withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        let headerLimit = 100_000_000
        guard declared >= 2, declared <= headerLimit else { throw damaged("a header of \(declared) bytes, not a safetensors file") }
        let dataStart = 8 + Int(declared)
        guard dataStart <= file.count else {
            throw damaged("cut off: the header needs \(declared) bytes, the file has \(file.count - 8) after its length")
        }
        let headerBytes = Data(try file.bytes(8..<dataStart))
        let header: [String: Entry]
        do {
            header = try JSONDecoder().decode([String: Entry].self, from: headerBytes)
        } catch let error as DecodingError {
            throw damaged("header: \(error.summary(of: headerBytes))")
        } catch {
            throw damaged("header is not JSON: \(error)")
        }
        var tensors: [String: Tensor] = [:]
        for (name, entry) in header {
            guard case .tensor(let type, let shape, let offsets) = entry else { continue }
            guard let elementType = ElementType(rawValue: type) else { throw damaged("tensor '\(name)' has the unknown type '\(type)'") }
            var size = elementType.byteCount
            for dimension in shape {
                let (product, overflow) = size.multipliedReportingOverflow(by: dimension)
                guard dimension >= 0, !overflow else { throw damaged("tensor '\(name)' has the impossible shape \(shape)") }
                size = product
            }
            guard offsets.count == 2, 0 <= offsets[0], offsets[0] <= offsets[1] else {
                throw damaged("tensor '\(name)' has impossible offsets \(offsets)")
            }
            guard offsets[1] <= file.count - dataStart else {
                throw damaged("cut off: tensor '\(name)' ends at byte \(offsets[1]) of the data, which has \(file.count - dataStart)")
            }
            guard offsets[1] - offsets[0] == size else {
                throw damaged("tensor '\(name)', \(type) \(shape), needs \(size) bytes, its offsets span \(offsets[1] - offsets[0])")
            }
            tensors[name] = Tensor(elementType: elementType, shape: shape, range: dataStart + offsets[0]..<dataStart + offsets[1])
        }
        var end = dataStart
        for (name, tensor) in tensors.sorted(by: {
            ($0.value.range.lowerBound, $0.value.range.upperBound) < ($1.value.range.lowerBound, $1.value.range.upperBound)
        }) {
            guard tensor.range.lowerBound >= end else { throw damaged("tensor '\(name)' overlaps another") }
            guard tensor.range.lowerBound == end else {
                throw damaged("\(tensor.range.lowerBound - end) bytes before tensor '\(name)' belong to none")
            }
            end = tensor.range.upperBound
        }
        guard end == file.count else { throw damaged("\(file.count - end) bytes after the last tensor belong to none") }
        self.tensors = tensors
    }

    /// A header's value: a tensor, or `__metadata__`, whose contents do not matter here.
    private enum Entry: Decodable {
        case tensor(type: String, shape: [Int], offsets: [Int])
        case metadata

        private enum Key: String, CodingKey {
            case dtype
            case shape
            case dataOffsets = "data_offsets"
        }

        init(from decoder: any Decoder) throws {
            if decoder.codingPath.last?.stringValue == "__metadata__" {
                self = .metadata
                return
            }
            let values = try decoder.container(keyedBy: Key.self)
            self = .tensor(
                type: try values.decode(String.self, forKey: .dtype),
                shape: try values.decode([Int].self, forKey: .shape),
                offsets: try values.decode([Int].self, forKey: .dataOffsets))
        }
    }

    /// Reads the tensor's elements as float32 into `destination`, which has room for exactly `tensor.count`.
    ///
    /// - Throws: `ModelError.weights` if it is no float tensor, or holds NaN or infinity; `.file` if it cannot be read.
    public func copyFloats(of name: String, to destination: UnsafeMutableBufferPointer<Float>) throws(ModelError) {
        guard let tensor = tensors[name] else { throw .weights("\(file.path): no tensor '\(name)'") }
        switch tensor.elementType {
        case .float32: try file.read(at: tensor.range.lowerBound, into: UnsafeMutableRawBufferPointer(destination))
        case .float16: try readHalves(tensor, to: destination) { Float(Float16(bitPattern: $0)) }
        case .bfloat16: try readHalves(tensor, to: destination) { Float(bitPattern: UInt32($0) << 16) }
        default:
            throw .weights("\(file.path): tensor '\(name)' is \(tensor.elementType.rawValue); weights must be F32, F16 or BF16")
        }
        var sum: Float = 0  // x - x is 0 for every finite x and NaN for the others, so one test at the end finds any
        for value in destination { sum += value - value }
        guard sum == 0 else {
            let index = destination.firstIndex { !$0.isFinite } ?? 0
            throw .weights("\(file.path): tensor '\(name)' holds \(destination[index]) at element \(index)")
        }
    }

    /// The elements of a tensor of 8-bit integers.
    ///
    /// - Throws: `ModelError.weights` if it is of another type; `.file` if it cannot be read.
    public func integers(of name: String) throws(ModelError) -> [Int8] {
        guard let tensor = tensors[name] else { throw .weights("\(file.path): no tensor '\(name)'") }
        guard tensor.elementType == .int8 else {
            throw .weights("\(file.path): tensor '\(name)' is \(tensor.elementType.rawValue); quantised weights must be I8")
        }
        var elements = [Int8](repeating: 0, count: tensor.count)
        let failure: ModelError? = elements.withUnsafeMutableBytes { bytes in
            do throws(ModelError) { try file.read(at: tensor.range.lowerBound, into: bytes) } catch { return error }
            return nil
        }
        if let failure { throw failure }
        return elements
    }

    /// Reads a tensor of two bytes an element, a piece at a time.
    private func readHalves(
        _ tensor: Tensor, to destination: UnsafeMutableBufferPointer<Float>, _ value: (UInt16) -> Float
    ) throws(ModelError) {
        let pieceLength = 1 << 15
        for start in stride(from: 0, to: destination.count, by: pieceLength) {
            let count = min(pieceLength, destination.count - start)
            let first = tensor.range.lowerBound + 2 * start
            let piece = try file.bytes(first..<first + 2 * count)
            piece.withUnsafeBytes { bytes in
                for index in 0..<count {
                    destination[start + index] = value(bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
                }
            }
        }
    }
}
