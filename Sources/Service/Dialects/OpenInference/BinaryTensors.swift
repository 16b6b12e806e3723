import HTTPServer
import Imaging
import Serving

/// The tensors that follow a request's JSON, little-endian, in the order of the inputs. Nothing of them is copied.
struct BinaryTensors {
    private var rest: Part

    init(_ bytes: Part) { rest = bytes }

    /// Bytes that nothing has been read of.
    var count: Int { rest.count }

    private mutating func take(_ size: Int) throws(Problem) -> Part {
        guard (0...rest.count).contains(size) else {
            throw .badInference("binary_data_size is \(size), but \(rest.count) bytes follow the JSON")
        }
        defer { rest = rest.slice(size..<rest.count) }
        return rest.slice(0..<size)
    }

    /// So many tensors of so many float32 each.
    ///
    /// - Parameter size: how many bytes they are said to take.
    mutating func tensors(_ count: Int, of length: Int, size: Int) throws(Problem) -> [Part] {
        let needed = count * length * MemoryLayout<Float>.size
        guard size == needed else { throw .badInference("binary_data_size is \(size), but \(count * length) FP32 take \(needed) bytes") }
        return Self.tensors(try take(size), of: length)
    }

    /// - Precondition: the bytes are those of whole tensors.
    private static func tensors(_ bytes: Part, of length: Int) -> [Part] {
        let size = length * MemoryLayout<Float>.size
        return stride(from: 0, to: bytes.count, by: size).map { bytes.slice($0..<$0 + size) }
    }

    /// So many strings of bytes, each behind its length in four bytes.
    ///
    /// - Parameter size: how many bytes they are said to take altogether.
    mutating func elements(_ count: Int, size: Int) throws(Problem) -> [Part] {
        var inside = BinaryTensors(try take(size))
        var elements: [Part] = []
        for index in 0..<count {
            guard inside.count >= 4 else { throw .badInference("the binary data ends before element \(index + 1) of \(count)") }
            let length = try inside.take(4).withBytes { Int(UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self))) }
            guard length <= inside.count else {
                throw .badInference("element \(index + 1) says that it has \(length) bytes, but \(inside.count) are left")
            }
            elements.append(try inside.take(length))
        }
        guard inside.count == 0 else { throw .badInference("\(inside.count) bytes follow the last of \(count) elements") }
        return elements
    }

    /// All there is, without a word of JSON: image tensors one after the other where their sizes fit, else an image file.
    mutating func lone(for model: Model) throws(Problem) -> [InferenceRequest.Input] {
        let body = try take(count)
        guard body.count > 0 else { throw .badInference("the request has no body") }
        let length = model.plan.inputShape.count
        let isFile = body.withBytes { ImageFormat(signatureOf: $0) != nil }
        guard !isFile, body.count % (length * MemoryLayout<Float>.size) == 0 else { return [.image(body)] }
        return Self.tensors(body, of: length).map { .tensor($0) }
    }
}
