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
            guard images.count < InferenceRequest.largestCount else {
                throw reader.error("there are more than \(InferenceRequest.largestCount) images")
            }
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
        guard let count = shape.first, count <= InferenceRequest.largestCount else {
            throw .badInference("the shape has to begin with the number of images, up to \(InferenceRequest.largestCount)")
        }
        switch datatype {
        case "FP32":
            let image = model.plan.inputShape
            guard shape == [count, image.channels, image.height, image.width] else {
                throw .badInference(
                    "the shape has to be [N, \(image.channels), \(image.height), \(image.width)] for FP32, not \(shape); "
                        + "images are sent as BYTES")
            }
            if let binarySize { return try binary.tensors(count, of: image.count, size: binarySize).map { .tensor($0) } }
            let values = try numbers(count * image.count)
            guard count > 1 else { return [.tensor(values)] }
            return (0..<count).map { .tensor(Array(values[$0 * image.count..<($0 + 1) * image.count])) }
        case "BYTES":
            guard shape.count <= 2, shape.dropFirst().allSatisfy({ $0 == 1 }) else {
                throw .badInference("the shape has to be [N] or [N, 1] for BYTES, an image an element, not \(shape)")
            }
            if let binarySize { return try binary.elements(count, size: binarySize).map { .image($0) } }
            return try images(count).map { .image($0) }
        default:
            throw .badInference("the datatype has to be FP32 (a normalised tensor) or BYTES (image files), not '\(datatype)'")
        }
    }

    private func numbers(_ count: Int) throws(Problem) -> [Float] {
        guard case .numbers(let values) = data else {
            throw .badInference("an FP32 input needs numbers as its 'data', or a binary_data_size")
        }
        guard values.count == count else { throw .badInference("the data has \(values.count) numbers, the shape says \(count)") }
        return values
    }

    private func images(_ count: Int) throws(Problem) -> [[UInt8]] {
        guard case .images(let images) = data else {
            throw .badInference("a BYTES input needs images in base64 as its 'data', or a binary_data_size")
        }
        guard images.count == count else { throw .badInference("the data has \(images.count) images, the shape says \(count)") }
        return images
    }
}
