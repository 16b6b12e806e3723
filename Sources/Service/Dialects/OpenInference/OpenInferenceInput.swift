import Imaging
import SENet
import Serving

/// The input of a request as its JSON has it: what it is, and its numbers or images unless they follow behind the JSON.
struct OpenInferenceInput {
    private var name = "input"
    private var datatype: String?
    private var shape: [Int]?
    private var data: Data?
    private var binarySize: Int?

    private enum Data {
        case numbers([Float])
        case images([[UInt8]])
    }

    /// A batch is held to this many images before anything else is asked.
    private static let largestCount = 4096

    init(_ reader: inout JSONReader) throws(JSONError) {
        try reader.object { (reader, field) throws(JSONError) in
            switch field {
            case "name": name = try reader.string()
            case "datatype": datatype = try reader.string()
            case "shape":
                var dimensions: [Int] = []
                try reader.array { (reader) throws(JSONError) in
                    guard dimensions.count < 8 else { throw reader.error("a shape has more than 8 dimensions") }
                    dimensions.append(try reader.integer())
                }
                shape = dimensions
            case "data": data = try Self.data(&reader)
            case "parameters":
                try reader.object { (reader, field) throws(JSONError) in
                    if field == "binary_data_size" { binarySize = try reader.integer() } else { try reader.skip() }
                }
            default: try reader.skip()
            }
        }
    }

    /// Numbers, or images in base64; in lists within lists, or all in one. The first of them says which they are.
    private static func data(_ reader: inout JSONReader) throws(JSONError) -> Data {
        if try reader.firstOfArrays() == .string {
            var images: [[UInt8]] = []
            try strings(&reader, &images)
            return .images(images)
        }
        // A number takes two bytes at least, with its comma: the body's limit is the numbers'.
        return .numbers(try reader.tensor(limit: .max).values)
    }

    private static func strings(_ reader: inout JSONReader, _ images: inout [[UInt8]]) throws(JSONError) {
        guard try reader.kind() == .array else {
            guard images.count < largestCount else { throw reader.error("there are more than \(largestCount) images") }
            return images.append(try reader.base64())
        }
        try reader.array { (reader) throws(JSONError) in try strings(&reader, &images) }
    }

    /// What the pool takes, one for each image of the batch.
    ///
    /// - Parameter binary: what follows the JSON; what is taken of it is gone.
    /// - Throws: where the parts do not belong together, or to the model.
    func values(_ binary: inout BinaryTensors, _ model: Model) throws(Problem) -> [InferenceRequest.Input] {
        guard let datatype, let shape else { throw .badInference("the input '\(name)' needs a datatype and a shape") }
        guard shape.allSatisfy({ $0 > 0 }) else { throw .badInference("the shape \(shape) has dimensions that are not positive") }
        guard let count = shape.first, count <= Self.largestCount else {
            throw .badInference("the shape has to begin with the number of images, up to \(Self.largestCount)")
        }
        switch datatype {
        case "FP32":
            let image = model.plan.inputShape
            guard shape == [count, image.channels, image.height, image.width] else {
                throw .badInference(
                    "the shape has to be [N, \(image.channels), \(image.height), \(image.width)] for FP32, not \(shape); "
                        + "images are sent as BYTES")
            }
            let values = try numbers(&binary, count: count * image.count)
            return (0..<count).map { .tensor(Array(values[$0 * image.count..<($0 + 1) * image.count])) }
        case "BYTES":
            guard shape.count <= 2, shape.dropFirst().allSatisfy({ $0 == 1 }) else {
                throw .badInference("the shape has to be [N] or [N, 1] for BYTES, an image an element, not \(shape)")
            }
            return try images(&binary, count: count).map { .image($0) }
        default:
            throw .badInference("the datatype has to be FP32 (a normalised tensor) or BYTES (image files), not '\(datatype)'")
        }
    }

    private func numbers(_ binary: inout BinaryTensors, count: Int) throws(Problem) -> [Float] {
        if let binarySize { return try binary.floats(count, size: binarySize) }
        guard case .numbers(let values) = data else {
            throw .badInference("an FP32 input needs numbers as its 'data', or a binary_data_size")
        }
        guard values.count == count else { throw .badInference("the data has \(values.count) numbers, the shape says \(count)") }
        return values
    }

    private func images(_ binary: inout BinaryTensors, count: Int) throws(Problem) -> [[UInt8]] {
        if let binarySize { return try binary.elements(count, size: binarySize) }
        guard case .images(let images) = data else {
            throw .badInference("a BYTES input needs images in base64 as its 'data', or a binary_data_size")
        }
        guard images.count == count else { throw .badInference("the data has \(images.count) images, the shape says \(count)") }
        return images
    }
}

/// The tensors that follow a request's JSON, little-endian, in the order of the inputs.
struct BinaryTensors {
    private var bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var count: Int { bytes.count }
    var isEmpty: Bool { bytes.isEmpty }

    private mutating func take(_ size: Int) throws(Problem) -> UnsafeRawBufferPointer {
        guard (0...bytes.count).contains(size) else {
            throw .badInference("binary_data_size is \(size), but \(bytes.count) bytes follow the JSON")
        }
        defer { bytes = UnsafeRawBufferPointer(rebasing: bytes[size...]) }
        return UnsafeRawBufferPointer(rebasing: bytes[..<size])
    }

    /// So many float32.
    mutating func floats(_ count: Int, size: Int) throws(Problem) -> [Float] {
        guard size == count * MemoryLayout<Float>.size else {
            throw .badInference("binary_data_size is \(size), but \(count) FP32 take \(count * MemoryLayout<Float>.size) bytes")
        }
        return Self.floats(try take(size))
    }

    private static func floats(_ bytes: UnsafeRawBufferPointer) -> [Float] {
        let values = [Float](unsafeUninitializedCapacity: bytes.count / MemoryLayout<Float>.size) { values, count in
            count = values.count
            UnsafeMutableRawBufferPointer(values).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: bytes[..<(count * MemoryLayout<Float>.size)]))
        }
        #if _endian(big)
            return values.map { Float(bitPattern: UInt32(littleEndian: $0.bitPattern)) }
        #else
            return values
        #endif
    }

    /// So many strings of bytes, each behind its length in four bytes.
    mutating func elements(_ count: Int, size: Int) throws(Problem) -> [[UInt8]] {
        var rest = BinaryTensors(try take(size))
        var elements: [[UInt8]] = []
        for index in 0..<count {
            guard rest.count >= 4 else { throw .badInference("the binary data ends before element \(index + 1) of \(count)") }
            let length = Int(UInt32(littleEndian: try rest.take(4).loadUnaligned(as: UInt32.self)))
            guard length <= rest.count else {
                throw .badInference("element \(index + 1) says that it has \(length) bytes, but \(rest.count) are left")
            }
            elements.append(Array(try rest.take(length)))
        }
        guard rest.isEmpty else { throw .badInference("\(rest.count) bytes follow the last of \(count) elements") }
        return elements
    }

    /// All there is, without a word of JSON: image tensors one after the other where their sizes fit, else an image file.
    mutating func lone(for model: Model) throws(Problem) -> [InferenceRequest.Input] {
        let body = try take(count)
        guard !body.isEmpty else { throw .badInference("the request has no body") }
        let image = model.plan.inputShape.count
        let size = image * MemoryLayout<Float>.size
        guard ImageFormat(signatureOf: body) == nil, body.count % size == 0 else { return [.image(Array(body))] }
        let values = Self.floats(body)
        return (0..<body.count / size).map { .tensor(Array(values[$0 * image..<($0 + 1) * image])) }
    }
}
