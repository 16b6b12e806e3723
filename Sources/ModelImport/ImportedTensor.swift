import SENet

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

    var isFloatingPoint: Bool {
        switch values {
        case .stored(let type, _), .strided(let type, _, _): [.float16, .bfloat16, .float32, .float64].contains(type)
        case .computed: true
        }
    }

    /// What is written: half precision as it is, anything else as float32.
    var writtenType: SafeTensors.ElementType {
        switch values {
        case .stored(let type, _), .strided(let type, _, _): type == .float16 || type == .bfloat16 ? type : .float32
        case .computed: .float32
        }
    }

    /// Hands out the bytes to be written, in order and, of large tensors, in pieces.
    func forEachPiece(in file: InputFile, _ body: ([UInt8]) throws(ModelError) -> Void) throws(ModelError) {
        switch values {
        case .computed(let floats):
            for piece in Self.pieces(0..<floats.count) { try body(floats[piece].withUnsafeBytes { Array($0) }) }
        case .stored(let type, let ranges):
            for piece in ranges.flatMap(Self.pieces) {
                let bytes = try file.bytes(piece)
                try body(type == .float64 ? Self.singles(bytes) : bytes)
            }
        case .strided(let type, let start, let strides):
            // Few tensors are stored so, and small ones: read from the first element to the last.
            let size = type.byteCount
            let last = zip(shape, strides).reduce(0) { $0 + ($1.0 - 1) * $1.1 }
            let source = try file.bytes(start..<start + (last + 1) * size)
            var bytes: [UInt8] = []
            bytes.reserveCapacity(count * size)
            for index in 0..<count {
                var (rest, offset) = (index, 0)
                for (length, stride) in zip(shape, strides).reversed() { (rest, offset) = (rest / length, offset + rest % length * stride) }
                bytes += source[offset * size..<(offset + 1) * size]
            }
            try body(type == .float64 ? Self.singles(bytes) : bytes)
        }
    }

    /// A range in parts of at most a mebi; whole doubles stay whole, for the range's own length is a multiple of theirs.
    private static func pieces(_ range: Range<Int>) -> [Range<Int>] {
        stride(from: range.lowerBound, to: range.upperBound, by: 1 << 20).map { $0..<min(range.upperBound, $0 + 1 << 20) }
    }

    /// Doubles as floats.
    private static func singles(_ bytes: [UInt8]) -> [UInt8] {
        bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 8)
                .map { Float(Double(bitPattern: bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self))) }
                .withUnsafeBytes { Array($0) }
        }
    }
}

/// A network and its tensors, taken from another program's file, which stays open.
public struct ImportedModel: Sendable {
    public var network: Network
    /// In the order of the network's operations.
    public var tensors: [ImportedTensor]
    public let file: InputFile
    /// Whether it came from Caffe, whose conventions for images differ.
    public var isCaffe = false
    /// The architecture by timm's name, where the network is one; else the operations are written down.
    public var architecture: String?
    /// The input's size in pixels, where the file says it.
    public var inputSize: (height: Int, width: Int)?
    /// What was found in the file, for people.
    public var findings: [String] = []
    /// What the file has beside the network, and the folder will not have.
    public var leftOut: [String] = []
    /// What the file does not say and was taken for granted.
    public var assumptions: [String] = []

    /// - Throws: `ModelError.weights` naming a tensor that is missing, of another shape, or no floating-point numbers.
    func validate() throws(ModelError) {
        let found = Dictionary(tensors.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
        for parameter in network.parameters where found[parameter.name] != parameter.shape {
            let what = found[parameter.name].map { "is \($0)" } ?? "is missing"
            throw .weights("\(file.path): tensor '\(parameter.name)' \(parameter.shape) \(what)")
        }
        if let tensor = tensors.first(where: { !$0.isFloatingPoint }) {
            throw .weights("\(file.path): tensor '\(tensor.name)' \(tensor.shape) holds whole numbers; weights are floating-point numbers")
        }
    }
}
