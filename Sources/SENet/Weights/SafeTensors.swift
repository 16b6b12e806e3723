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

        var byteCount: Int {
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
    public let file: MappedFile

    /// Maps the file and reads its header.
    ///
    /// - Throws: `ModelError.file` if it cannot be read, `ModelError.weights` if it breaks the format's rules.
    public init(path: String) throws(ModelError) {
        file = try MappedFile(path: path)
        func damaged(_ what: String) -> ModelError { .weights("\(path): \(what)") }
        let bytes = file.bytes
        guard bytes.count >= 8 else { throw damaged("only \(bytes.count) bytes long, not a safetensors file") }
        let declared = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        let headerLimit = 100_000_000
        guard declared >= 2, declared <= headerLimit else { throw damaged("a header of \(declared) bytes, not a safetensors file") }
        let dataStart = 8 + Int(declared)
        guard dataStart <= bytes.count else {
            throw damaged("cut off: the header needs \(declared) bytes, the file has \(bytes.count - 8) after its length")
        }
        let header: [String: Entry]
        do {
            header = try JSONDecoder().decode([String: Entry].self, from: Data(bytes[8..<dataStart]))
        } catch let error as DecodingError {
            throw damaged("header: \(error.summary)")
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
            guard offsets[1] <= bytes.count - dataStart else {
                throw damaged("cut off: tensor '\(name)' ends at byte \(offsets[1]) of the data, which has \(bytes.count - dataStart)")
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
        guard end == bytes.count else { throw damaged("\(bytes.count - end) bytes after the last tensor belong to none") }
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

    /// The tensor's elements as float32, copied to `destination`, which has room for exactly `tensor.count`.
    ///
    /// - Throws: `ModelError.weights` if it is no float tensor, or holds NaN or infinity.
    public func copyFloats(of name: String, to destination: UnsafeMutableBufferPointer<Float>) throws(ModelError) {
        guard let tensor = tensors[name] else { throw .weights("\(file.path): no tensor '\(name)'") }
        let source = UnsafeRawBufferPointer(rebasing: file.bytes[tensor.range])
        var sum: Float = 0  // x - x is 0 for every finite x and NaN for the others, so one test at the end finds any
        switch tensor.elementType {
        case .float32:
            for index in 0..<destination.count {
                let value = Float(bitPattern: UInt32(littleEndian: source.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
                destination[index] = value
                sum += value - value
            }
        case .float16:
            for index in 0..<destination.count {
                let value = Float(halfBits: UInt16(littleEndian: source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)))
                destination[index] = value
                sum += value - value
            }
        case .bfloat16:
            for index in 0..<destination.count {
                let bits = UInt16(littleEndian: source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
                let value = Float(bitPattern: UInt32(bits) << 16)
                destination[index] = value
                sum += value - value
            }
        default:
            throw .weights("\(file.path): tensor '\(name)' is \(tensor.elementType.rawValue); weights must be F32, F16 or BF16")
        }
        guard sum == 0 else {
            let index = destination.firstIndex { !$0.isFinite } ?? 0
            throw .weights("\(file.path): tensor '\(name)' holds \(destination[index]) at element \(index)")
        }
    }
}

extension Float {
    /// From the bits of an IEEE 754 half. (`Float16` is not available on every platform that Swift runs on.)
    init(halfBits bits: UInt16) {
        let sign = UInt32(bits & 0x8000) << 16
        let magnitude = UInt32(bits & 0x7fff)
        if magnitude >= 0x7c00 {  // infinity and NaN
            self.init(bitPattern: sign | 0x7f80_0000 | (magnitude & 0x3ff) << 13)
        } else {
            // Shifted into place, the exponent is too small by 127 - 15; the product is exact, for subnormals too.
            let shifted = Float(bitPattern: magnitude << 13) * Float(sign: .plus, exponent: 112, significand: 1)
            self.init(bitPattern: shifted.bitPattern | sign)
        }
    }
}
