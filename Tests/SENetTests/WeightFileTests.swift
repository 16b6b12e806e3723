import Foundation
import Testing

@testable import SENet

@Suite("A weights' file")
struct WeightFileTests {
    private static let network = Network(
        name: "tiny", inputChannels: 3,
        operations: [
            Operation("conv", .convolution(Convolution(inputs: 3, outputs: 16, kernel: 3)), inputs: [Network.input]),
            Operation("bn", .batchNorm(BatchNorm(channels: 16)), inputs: ["conv"]),
            Operation("pool", .globalPooling(.average), inputs: ["bn"]),
            Operation("fc", .linear(Linear(inputs: 16, outputs: 4)), inputs: ["pool"]),
        ])

    /// Writes the bytes, loads them as the tiny network's weights and makes its plan.
    private func load(_ bytes: Data) throws {
        let folder = try TemporaryFolder()
        let path = folder.path("model.safetensors")
        try bytes.write(to: URL(filePath: path))
        let checkpoint = Checkpoint(try SafeTensors(path: path), for: Self.network.name)
        _ = try Plan(network: Self.network, checkpoint: checkpoint, height: 32, width: 32, kernels: .prepared())
    }

    /// The message of the weights' error that loading must end in.
    private func message(_ bytes: Data) throws -> String {
        do {
            try load(bytes)
        } catch ModelError.weights(let text) {
            return text
        }
        Issue.record("it was accepted")
        return ""
    }

    @Test("that is right is taken")
    func good() throws { try load(SafeTensorsFile(Self.network).data()) }

    @Test("may hold PyTorch's training counters and metadata")
    func extras() throws {
        var file = SafeTensorsFile(Self.network)
        file.tensors.append(("bn.num_batches_tracked", "I64", [], Data(count: 8)))
        try load(file.data { $0["__metadata__"] = ["format": "pt"] })
    }

    @Test("names the tensor that is missing")
    func missing() throws {
        var file = SafeTensorsFile(Self.network)
        file.tensors.removeAll { $0.name == "bn.bias" }
        #expect(try message(file.data()).contains("'bn.bias' [16] of tiny is missing"))
    }

    @Test("names the tensor that is left over")
    func unused() throws {
        var file = SafeTensorsFile(Self.network)
        file.add("layer9.weight", shape: [2], floats: [1, 2])
        #expect(try message(file.data()).contains("'layer9.weight' [2] does not belong to tiny"))
    }

    @Test("names the tensor of another shape, what was expected and what was found")
    func misshaped() throws {
        var file = SafeTensorsFile(Self.network)
        file.tensors[0].shape = [3, 16, 3, 3]
        #expect(try message(file.data()).contains("'conv.weight' should be [16, 3, 3, 3] in tiny, found [3, 16, 3, 3]"))
    }

    @Test("cut off anywhere is an error", arguments: [0, 1, 7, 8, 9, 40, 300])
    func cutFromStart(_ count: Int) throws {
        let bytes = try SafeTensorsFile(Self.network).data()
        #expect(try !message(bytes.prefix(count)).isEmpty)
    }

    @Test("cut off in its data says so")
    func cutOff() throws {
        let bytes = try SafeTensorsFile(Self.network).data()
        #expect(try message(bytes.dropLast(5)).contains("cut off"))
    }

    @Test("with a header longer than the file says so")
    func longHeader() throws {
        var bytes = try SafeTensorsFile(Self.network).data()
        bytes.replaceSubrange(0..<8, with: withUnsafeBytes(of: UInt64(90_000_000).littleEndian) { Data($0) })
        #expect(try message(bytes).contains("the header needs 90000000 bytes"))
        bytes.replaceSubrange(0..<8, with: Data(repeating: 0xff, count: 8))
        #expect(try message(bytes).contains("not a safetensors file"))
    }

    @Test("whose header is not JSON says so")
    func noJSON() throws {
        #expect(try message(SafeTensorsFile.data(header: Data("{\"conv\": [".utf8), body: Data())).contains("header"))
        #expect(try message(SafeTensorsFile.data(header: Data("[1, 2]".utf8), body: Data())).contains("header"))
    }

    @Test("with overlapping tensors is refused")
    func overlap() throws {
        let bytes = try SafeTensorsFile(Self.network).data { $0["fc.bias"]?["data_offsets"] = [0, 16] }
        #expect(try message(bytes).contains("overlaps another"))
    }

    @Test(
        "with offsets that are impossible, or do not fit the shape, is refused",
        arguments: [[0, 1 << 40], [-8, 8], [16, 0], [0, 8], [0], [Int.max - 1, Int.max]])
    func offsets(_ offsets: [Int]) throws {
        let bytes = try SafeTensorsFile(Self.network).data { $0["fc.bias"]?["data_offsets"] = offsets }
        #expect(try message(bytes).contains("'fc.bias'"))
    }

    @Test("with a shape whose size overflows, or is negative, is refused", arguments: [[Int.max, Int.max, 1, 1], [-4]])
    func overflow(_ shape: [Int]) throws {
        let bytes = try SafeTensorsFile(Self.network).data { $0["fc.bias"]?["shape"] = shape }
        #expect(try message(bytes).contains("impossible shape"))
    }

    @Test("with a type that is unknown, or no float, is refused by name", arguments: ["F31", "I32"])
    func type(_ type: String) throws {
        let bytes = try SafeTensorsFile(Self.network).data { $0["fc.bias"]?["dtype"] = type }
        #expect(try message(bytes).contains("'fc.bias'"))
        #expect(try message(bytes).contains(type))
    }

    @Test("with bytes that belong to no tensor is refused")
    func holes() throws {
        var bytes = try SafeTensorsFile(Self.network).data()
        bytes.append(0)
        #expect(try message(bytes).contains("belong to none"))
    }

    @Test("with NaN or infinity in a weight names the tensor and the element", arguments: [Float.nan, .infinity, -.infinity])
    func notFinite(_ value: Float) throws {
        var file = SafeTensorsFile(Self.network)
        var weights = [Float](repeating: 0.5, count: 64)
        weights[37] = value
        let index = try #require(file.tensors.firstIndex { $0.name == "fc.weight" })
        file.tensors[index].bytes = weights.withUnsafeBytes { Data($0) }
        let text = try message(file.data())
        #expect(text.contains("'fc.weight'") && text.contains("element 37"))
    }

    @Test("with a negative variance names the tensor")
    func negativeVariance() throws {
        var file = SafeTensorsFile(Self.network)
        let index = try #require(file.tensors.firstIndex { $0.name == "bn.running_var" })
        file.tensors[index].bytes = [Float](repeating: -1, count: 16).withUnsafeBytes { Data($0) }
        #expect(try message(file.data()).contains("'bn.running_var' holds the negative variance"))
    }

    @Test("that is not there, or a folder, is an error with its path")
    func unreadable() throws {
        #expect(throws: ModelError.self) { try SafeTensors(path: "/nonexistent/model.safetensors") }
        #expect(throws: ModelError.file("/tmp: not a regular file")) { _ = try SafeTensors(path: "/tmp") }
    }

    @Test("cut off while it is loaded is an error and not the end of the program", arguments: 0..<8)
    func cutWhileLoaded(_ seed: Int) throws {
        let folder = try TemporaryFolder()
        let path = folder.path("model.safetensors")
        let bytes = try SafeTensorsFile(Self.network).data()
        try bytes.write(to: URL(filePath: path))
        let tensors = try SafeTensors(path: path)
        let checkpoint = Checkpoint(tensors, for: Self.network.name)
        let left = Int(WeightFormula.uniform(name: "cut \(seed)", count: 1)[0] * Double(bytes.count))
        #expect(truncate(path, off_t(left)) == 0)
        let message = #expect(throws: ModelError.self) {
            _ = try Plan(network: Self.network, checkpoint: checkpoint, height: 32, width: 32, kernels: Kernels())
        }?.description
        #expect(message?.contains("\(path): cut off while it was read: it had \(bytes.count) bytes") == true)
    }

    @Test("written over while it is loaded is an error: some of it may have been read before, and some after")
    func rewrittenWhileLoaded() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("model.safetensors")
        let bytes = try SafeTensorsFile(Self.network).data()
        try bytes.write(to: URL(filePath: path))
        let checkpoint = Checkpoint(try SafeTensors(path: path), for: Self.network.name)
        let handle = try FileHandle(forUpdating: URL(filePath: path))
        try handle.write(contentsOf: bytes)
        try handle.close()
        // The clock of modifications has ticks.
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: 1)], ofItemAtPath: path)
        let message = #expect(throws: ModelError.self) {
            _ = try Plan(network: Self.network, checkpoint: checkpoint, height: 32, width: 32, kernels: Kernels())
        }?.description
        #expect(message?.contains("\(path): written to while it was read") == true)
    }

    @Test(
        "that is something else is named for what it is, with what to do",
        arguments: [
            ("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 112543276\n", "Git LFS pointer", "git lfs pull"),
            ("\u{feff}\n<!DOCTYPE html><html><head><title>Sign in</title>", "a web page", "download again"),
            ("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "a web page", "download again"),
            (#"{"error": "Repository not found"}"#, "JSON text", "download again"), ("", "empty", "not a safetensors file"),
            ("GGUF\u{3}\0\0\0", "a GGUF file", "not a safetensors file"),
        ])
    func foreign(_ content: String, _ what: String, _ advice: String) throws {
        let text = try message(Data(content.utf8))
        #expect(text.contains(what) && text.contains(advice), "\(text)")
    }

    @Test("that is a link which leads nowhere says where it leads")
    func danglingLink() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createSymbolicLink(atPath: folder.path("model.safetensors"), withDestinationPath: "../../blobs/5ca1ab1e")
        let text = #expect(throws: ModelError.self) { try SafeTensors(path: folder.path("model.safetensors")) }?.description ?? ""
        #expect(text.contains("a link to '../../blobs/5ca1ab1e', which is not there"), "\(text)")
    }

    @Test("may be in half precision: each value is exact")
    func everyHalf() throws {
        let finite = (UInt16.min...UInt16.max).filter { $0 >> 10 & 31 != 31 }
        let folder = try TemporaryFolder()
        let path = folder.path("halves.safetensors")
        let header = #"{"all":{"dtype":"F16","shape":[\#(finite.count)],"data_offsets":[0,\#(2 * finite.count)]}}"#
        try SafeTensorsFile.data(header: Data(header.utf8), body: finite.withUnsafeBytes { Data($0) }).write(to: URL(filePath: path))
        var values = [Float](repeating: 0, count: finite.count)
        try values.withUnsafeMutableBufferPointer { try SafeTensors(path: path).copyFloats(of: "all", to: $0) }
        for (bits, value) in zip(finite, values) {
            let exponent = Int(bits >> 10 & 31)
            let fraction = Double(bits & 1023)
            let sign: Double = bits >> 15 == 0 ? 1 : -1
            let expected =
                exponent == 0 ? sign * fraction * 0x1p-24 : sign * (1024 + fraction) * Foundation.pow(2, Double(exponent) - 25)
            #expect(Double(value) == expected)
        }
    }

    @Test("may be in half precision, or in bfloat16")
    func halfPrecision() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("x.safetensors")
        let header = #"{"half":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"brain":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]}}"#
        // 1.5 and -2 in each format, little-endian.
        let body = Data([0x00, 0x3e, 0x00, 0xc0, 0xc0, 0x3f, 0x00, 0xc0])
        try SafeTensorsFile.data(header: Data(header.utf8), body: body).write(to: URL(filePath: path))
        let tensors = try SafeTensors(path: path)
        for name in ["half", "brain"] {
            var values = [Float](repeating: 0, count: 2)
            try values.withUnsafeMutableBufferPointer { try tensors.copyFloats(of: name, to: $0) }
            #expect(values == [1.5, -2])
        }
    }

    @Test("that was written is read back")
    func roundTrip() throws {
        let folder = try TemporaryFolder()
        let values: [Float] = [1, -2.5, 3e-20, 4, 5, 6]
        try SafeTensors.write(values, name: "logits", shape: [2, 3], to: folder.path("out.safetensors"))
        let tensors = try SafeTensors(path: folder.path("out.safetensors"))
        #expect(tensors.tensors["logits"]?.shape == [2, 3])
        var read = [Float](repeating: 0, count: 6)
        try read.withUnsafeMutableBufferPointer { try tensors.copyFloats(of: "logits", to: $0) }
        #expect(read == values)
    }

    @Test("that is not finished leaves nothing behind")
    func unfinished() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("out.safetensors")
        func begin() throws {
            let writer = try SafeTensorsWriter(path: path, entries: [.init(name: "a", shape: [2]), .init(name: "b", shape: [1])])
            try [Float](repeating: 1, count: 2).withUnsafeBytes { try writer.append($0) }
        }
        try begin()
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
        #expect(throws: ModelError.self) { try SafeTensors.write([1], name: "a", shape: [1], to: "/nonexistent/out.safetensors") }
    }
}
