import CLibFuzzer
import Foundation
import Imaging
import ModelImport
import Serving

@testable import HTTPServer
@testable import SENet

/// Windows at the edges and in the middle, either pass first, smaller and larger than the crop.
private let cropSettings = [
    preprocessing(32, 32), preprocessing(40, 9, cropFraction: 0.3), preprocessing(7, 48, cropMode: .squash),
    preprocessing(48, 33, cropMode: .border),
]

private func preprocessing(_ width: Int, _ height: Int, cropFraction: Double = 0.875, cropMode: CropMode = .center) -> Preprocessing {
    Preprocessing(
        height: height, width: width, cropFraction: cropFraction, cropMode: cropMode, interpolation: .bicubic, mean: [0.5, 0.5, 0.5],
        standardDeviation: [0.5, 0.5, 0.5])
}

/// An image file of any kind: decoded as a whole, and on the way to a crop, both must say the same.
func decodeImage(_ bytes: UnsafeRawBufferPointer) {
    // Small limits: the time is for many inputs, not for large ones.
    var decoder = ImageDecoder(limits: ImageLimits(pixels: 250_000, dimension: 4096, scans: 10), exif: .ignore)
    let settings = cropSettings[bytes.count % cropSettings.count]
    let whole = Result { () throws(ImageError) in try decoder.decode(bytes) }
    let crop = Result { () throws(ImageError) in try decoder.crop(bytes, for: settings) }
    switch (whole, crop) {
    case (.success(let whole), .success(let crop)):
        require(whole.description == crop.description, "two descriptions of one file")
        require(crop.image == (try? settings.crop(whole.image)), "the crop is not the whole image's")
        var said = try? decoder.inspect(bytes).description
        said?.warnings = whole.description.warnings
        require(said == whole.description, "the header alone says something else")
    case (.failure(.tooSlow), _), (_, .failure(.tooSlow)): break
    case (.failure(let error), .success), (.success, .failure(let error)): fatalError("refused one way only: \(error)")
    case (.failure, .failure): break
    }
    decoder.exif = .apply
    decoder.scale = .scaled
    _ = try? decoder.crop(bytes, for: settings)
}

/// A PNG whose check sums are right, so that what lies behind them is reached.
func decodePNG(_ bytes: UnsafeRawBufferPointer) {
    var png = Array(bytes)
    func number(_ at: Int) -> Int { png[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
    var at = 8
    while at + 12 <= png.count {
        let end = at + 8 + number(at)
        guard end + 4 <= png.count else { break }
        let sum = checkSum(png[at + 4..<end])
        for byte in 0..<4 { png[end + byte] = UInt8(truncatingIfNeeded: sum >> UInt32(24 - 8 * byte)) }
        at = end + 4
    }
    png.withUnsafeBytes { decodeImage($0) }
}

/// CRC-32 as PNG has it (W3C, Portable Network Graphics, annex D).
private func checkSum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    ~bytes.reduce(~0) { sum, byte in
        (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum >> 1 ^ (sum & 1 == 0 ? 0 : 0xEDB8_8320) }
    }
}

/// A form that arrives in pieces. The first two bytes say how: the parts that are found must not depend on it.
func parseMultipart(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 2 else { return }
    let (first, step) = (Int(bytes[0]), Int(bytes[1]) % 64 + 1)
    let body = UnsafeRawBufferPointer(rebasing: bytes[2...])
    func parse(_ ends: some Sequence<Int>) -> [String]? {
        var parser = MultipartParser(boundary: "b", partLimit: 16)
        do throws(Refusal) {
            for end in ends { try parser.advance(over: UnsafeRawBufferPointer(rebasing: body[..<min(end, body.count)])) }
        } catch { return nil }
        for field in parser.fields { require(field.content.upperBound <= body.count, "a part outside the body") }
        return parser.fields.map { "\($0)" } + ["\(parser.isFinished)"]
    }
    let whole = parse([body.count])
    let pieces = parse(Array(stride(from: first, to: body.count, by: step)) + [body.count])
    require(whole == pieces, "the parts depend on how the body arrives")
    _ = try? MultipartParser.boundary(ofContentType: String(decoding: body.prefix(256), as: UTF8.self))
}

/// A connection's raw bytes, in pieces: what comes of them must be what a plain reader of RFC 9112 makes of the whole, or one request could be
/// smuggled in another. The first byte says how they are cut.
func readRequests(_ bytes: UnsafeRawBufferPointer) {
    guard let first = bytes.first else { return }
    let stream = Array(bytes.dropFirst())
    let limits = HeadLimits(bytes: 400, fields: 12, target: 120, queryFields: 5)
    let expected = ReferenceReader.read(stream, limits: limits)
    for step in [stream.count, Int(first) % 32 + 1] {
        require(Reading(of: stream, pieces: [step], limits: limits) == expected, "two readings of one stream")
    }
}

/// A file in memory, for readers that map files.
private let scratch: Int32 = {
    let descriptor = memfd_create("fuzz", 0)
    require(descriptor >= 0, "no memory file")
    return descriptor
}()

private func withFile(_ bytes: UnsafeRawBufferPointer, _ body: (_ path: String) -> Void) {
    require(ftruncate(scratch, 0) == 0, "no memory file")
    require(pwrite(scratch, bytes.baseAddress, bytes.count, 0) == bytes.count, "no memory file")
    body("/proc/self/fd/\(scratch)")
}

/// A checkpoint, then every tensor in it.
func readSafeTensors(_ bytes: UnsafeRawBufferPointer) {
    withFile(bytes) { path in
        guard let file = try? SafeTensors(path: path) else { return }
        for (name, tensor) in file.tensors {
            // As many elements as bytes at the most: the reader has checked it.
            require(tensor.count <= bytes.count, "a tensor of \(tensor.count) elements in \(bytes.count) bytes")
            var values = [Float](repeating: 0, count: tensor.count)
            values.withUnsafeMutableBufferPointer { try? file.copyFloats(of: name, to: $0) }
        }
    }
}

/// A model's configuration, then what is made of it before any weight is read.
func readConfiguration(_ bytes: UnsafeRawBufferPointer) {
    guard let configuration = try? Configuration(json: Data(bytes)) else { return }
    // Thousands of blocks are allowed, and slow.
    if case .architecture(let architecture) = configuration.structure, architecture.layers.reduce(0, +) > 200 { return }
    let network = configuration.network
    _ = network.parameterCount
    if let fused = try? Fusion.fuse(network.resolved(height: configuration.evaluation.height, width: configuration.evaluation.width)) {
        require((try? MemoryPlan(fused)) != nil, "a network whose values cannot be placed")
    }
    _ = try? Preprocessing(configuration)
    _ = Labels(configuration)
}

/// A Caffe model or a PyTorch checkpoint: as far as the network and the places of its weights.
func importNetwork(_ bytes: UnsafeRawBufferPointer) {
    withFile(bytes) { path in _ = try? Importer().read(path) }
}
