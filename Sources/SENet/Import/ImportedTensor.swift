/// A tensor on its way from another program's file to a safetensors file.
public struct ImportedTensor: Sendable {
    public var name: String
    public var shape: [Int]
    var values: Values

    enum Values: Sendable {
        /// Row-major in the file, in one or more runs.
        case stored(SafeTensors.ElementType, [Range<Int>])
        /// In the file with a stride, in elements, for each dimension; the first element at a byte of the file.
        case strided(SafeTensors.ElementType, start: Int, strides: [Int])
        /// Computed from the file's values, or made up.
        case computed([Float])
    }

    public var count: Int { shape.reduce(1, *) }

    /// What is written: half precision as it is, anything else as float32.
    var writtenType: SafeTensors.ElementType {
        switch values {
        case .stored(let type, _), .strided(let type, _, _): type == .float16 || type == .bfloat16 ? type : .float32
        case .computed: .float32
        }
    }

    /// Hands out the bytes to be written, in order and in pieces of at most a mebibyte or straight from the file.
    func forEachPiece(in file: MappedFile, _ body: (UnsafeRawBufferPointer) throws(ModelError) -> Void) throws(ModelError) {
        switch values {
        case .computed(let floats): try Self.pieces(of: floats.count, { floats[$0] }, body)
        case .stored(let type, let ranges):
            for range in ranges {
                if type == writtenType {
                    try body(UnsafeRawBufferPointer(rebasing: file.bytes[range]))
                } else {
                    try Self.pieces(of: range.count / 8, { Self.double(file.bytes, range.lowerBound + 8 * $0) }, body)
                }
                file.releasePages(range)
            }
        case .strided(let type, let start, let strides):
            // Row-major, the offset of each element from its index; few tensors are stored so, and small ones.
            let size = type.byteCount
            func offset(_ index: Int) -> Int {
                var (rest, offset) = (index, 0)
                for (length, stride) in zip(shape, strides).reversed() { (rest, offset) = (rest / length, offset + rest % length * stride) }
                return start + offset * size
            }
            switch size {
            case 2: try Self.pieces(of: count, { file.bytes.loadUnaligned(fromByteOffset: offset($0), as: UInt16.self) }, body)
            case 4: try Self.pieces(of: count, { file.bytes.loadUnaligned(fromByteOffset: offset($0), as: UInt32.self) }, body)
            default: try Self.pieces(of: count, { Self.double(file.bytes, offset($0)) }, body)
            }
        }
    }

    private static func double(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Float {
        Float(Double(bitPattern: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))))
    }

    private static func pieces<Element>(
        of count: Int, _ element: (Int) -> Element, _ body: (UnsafeRawBufferPointer) throws(ModelError) -> Void
    ) throws(ModelError) {
        let limit = (1 << 20) / MemoryLayout<Element>.size
        for start in stride(from: 0, to: count, by: limit) {
            let piece = (start..<min(count, start + limit)).map(element)
            var failure: ModelError?
            piece.withUnsafeBytes { bytes in
                do throws(ModelError) { try body(bytes) } catch { failure = error }
            }
            if let failure { throw failure }
        }
    }
}

/// A network and its tensors, taken from another program's file, which stays mapped.
public struct ImportedModel: Sendable {
    public var network: Network
    /// In the order of the network's operations.
    public var tensors: [ImportedTensor]
    public let file: MappedFile
    /// Whether it came from Caffe, whose conventions for images differ.
    public var isCaffe = false
    /// The architecture by timm's name, where the network is one; else the operations are written down.
    public var architecture: String?
    /// The input's size in pixels, where the file says it.
    public var inputSize: (height: Int, width: Int)?
    /// What was found in the file, for people.
    public var findings: [String] = []
    /// What the file does not say and was taken for granted.
    public var assumptions: [String] = []

    /// - Throws: `ModelError.weights` naming a tensor that is missing, left over or of another shape.
    func validate() throws(ModelError) {
        let found = Dictionary(tensors.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
        for parameter in network.parameters where found[parameter.name] != parameter.shape {
            let what = found[parameter.name].map { "is \($0)" } ?? "is missing"
            throw .weights("\(file.path): tensor '\(parameter.name)' \(parameter.shape) \(what)")
        }
    }
}
