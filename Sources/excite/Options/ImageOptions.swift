import ArgumentParser
import Imaging
import SENet

/// Which of a configuration's inputs a model gets.
enum InputChoice: String, ExpressibleByArgument, CaseIterable {
    case standard, test
}

extension ImageDecoder.EXIF: ExpressibleByArgument {}
extension ImageDecoder.Scale: ExpressibleByArgument {}

/// How images are taken in, for every command that reads them.
struct ImageOptions: ParsableArguments {
    @Option(
        help: """
            apply: images are turned upright as their EXIF data says. ignore: they stay as they are stored, as timm evaluates them. \
            (default: apply; of evaluate: ignore)
            """)
    var exif: ImageDecoder.EXIF?

    @Option(
        help: """
            full: every pixel is decoded, as PyTorch's users decode it. scaled: a JPEG that is far larger than the network's input is decoded \
            at a half, a quarter or an eighth of its size, down to twice the size that is needed: other pixels, and now and then another \
            label. On the built-in model, 4 of 100 photographs got another first label as they are, 3 of them enlarged to 12 megapixels, \
            where classifying took 0.4 of the time; the first label's score moved by 0.010 and 0.005 on average.
            """)
    var decode: ImageDecoder.Scale = environment("decode", default: .full)

    @Option(
        help: """
            The network's input: standard (input_size and crop_pct of config.json), or test (test_input_size and test_crop_pct, where it \
            has them: mostly larger, slower, and a little more accurate).
            """)
    var input: InputChoice = environment("input", default: .standard)

    @Option(help: "The largest image, in pixels.")
    var maxPixels: Int = environment("max-pixels", default: 100_000_000)

    @Option(help: "How long decoding one image may take, in seconds.")
    var decodeTimeout: Double = environment("decode-timeout", default: 10)

    func validate() throws {
        try require("--max-pixels", maxPixels, in: 1...1_000_000_000)
        try require("--decode-timeout", decodeTimeout, above: 0, upTo: 3600, "seconds")
    }

    var decoder: ImageDecoder { decoder(exif: .apply) }

    /// - Parameter ordinary: what becomes of the orientation where nothing else is asked for.
    func decoder(exif ordinary: ImageDecoder.EXIF) -> ImageDecoder {
        ImageDecoder(
            limits: ImageLimits(pixels: maxPixels, time: .seconds(decodeTimeout)), exif: exif ?? environment("exif") ?? ordinary,
            scale: decode)
    }

    func source(_ source: ModelSource) -> ModelSource { input == .test ? source.withTestInput : source }
}
