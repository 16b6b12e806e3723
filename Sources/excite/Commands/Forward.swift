import ArgumentParser
import SENet

struct Forward: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the network on a tensor, to check it against other frameworks.",
        discussion: """
            Reads a tensor named 'input', (N, 3, height, width) in float32, and writes one named 'logits', (N, classes). \
            No preprocessing: the tensor is what the network sees.
            """)

    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup var threadOptions: ThreadOptions
    @OptionGroup var precisionOptions: PrecisionOptions

    @Option(help: ArgumentHelp("A safetensors file with the tensor 'input'.", valueName: "file"))
    var input: String

    @Option(help: ArgumentHelp("Where to write the safetensors file with the tensor 'logits'.", valueName: "file"))
    var output: String

    func run() throws {
        let source = try modelOptions.source(namedArchitecture: true)
        let tensors = try SafeTensors(path: input)
        guard let tensor = tensors.tensors[Network.input] else {
            throw ModelError.file("\(input): no tensor named 'input'; it has: \(tensors.tensors.keys.sorted().joined(separator: ", "))")
        }
        let channels = source.network.inputChannels
        guard tensor.shape.count == 4, tensor.shape[1] == channels, tensor.shape[0] > 0 else {
            throw ModelError.file("\(input): the tensor 'input' must be (N, \(channels), height, width), not \(tensor.shape)")
        }
        let plan = try source.plan(
            height: tensor.shape[2], width: tensor.shape[3], precision: precisionOptions.chosen, threads: threadOptions.threads)
        var values = [Float](repeating: 0, count: tensor.count)
        try values.withUnsafeMutableBufferPointer { try tensors.copyFloats(of: Network.input, to: $0) }

        let images = tensor.shape[0]
        let session = try Session(plan: plan, threads: threadOptions.threads, largestBatch: min(images, 16))
        let size = plan.inputShape.count
        var logits: [Float] = []
        for start in stride(from: 0, to: images, by: session.largestBatch) {
            let count = min(session.largestBatch, images - start)
            for index in 0..<count { _ = session.input(index).update(from: values[(start + index) * size..<(start + index + 1) * size]) }
            session.run(images: count)
            for index in 0..<count { logits.append(contentsOf: session.logits(index)) }
        }
        try SafeTensors.write(logits, name: "logits", shape: [images, plan.classes], to: output)
    }
}
