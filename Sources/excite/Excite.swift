import ArgumentParser
import SENet
import Service
import Serving

@main
struct Excite: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "excite",
        abstract: "Serves Squeeze-and-Excitation image classifiers over HTTP: a photograph in, five labels out.",
        discussion: """
            A model is a folder as the Hugging Face hub lays it out: config.json as timm writes it, and model.safetensors; `excite pull` \
            brings one, and then its name will do. Without --model, a small model for 200 everyday classes that comes with the program is used.

            Every option, but for those of load and import, can also be given as an environment variable: --max-batch is EXCITE_MAX_BATCH.
            """,
        version: Build.version,
        subcommands: [
            Serve.self, Classify.self, Embed.self, Evaluate.self, Explain.self, Gates.self, Pull.self, Import.self, Models.self,
            Preprocess.self, Forward.self, Bench.self, Inspect.self, Key.self, Load.self, Probe.self, Quantize.self,
            Tune.self,
        ])

    static func main() async {
        ServerProcess.openStandardDescriptors()
        if let narrow = ServerProcess.narrowLimit { printError(narrow) }
        Engine.prepareProcess()
        await main(nil)
    }
}
