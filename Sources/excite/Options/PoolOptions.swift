import ArgumentParser
import Service
import Serving

/// How images are batched, and how many may wait.
struct PoolOptions: ParsableArguments {
    @Option(help: "The most images that one run of the engine takes.")
    var maxBatch: Int = environment("max-batch", default: 16)

    @Option(help: "How long a free session waits for a fuller batch, in milliseconds; with 0 an image never waits for others.")
    var maxDelay: Double = environment("max-delay", default: 0)

    @Option(
        help: ArgumentHelp(
            "At so many waiting images of a model more requests are refused with 429. (default: what a second clears, as measured)",
            discussion: "A request's images are accepted or refused together, so the last one may go over the limit.", valueName: "images"))
    var queue: Int?

    @Option(help: "The most requests that one client address may have in flight; more are refused with 429; 0 for no limit.")
    var maxClientRequests: Int = environment("max-client-requests", default: 0)

    @Option(
        help: ArgumentHelp(
            "The memory that all decoders may hold together, in MiB. (default: 512, and 32 a thread where that is more)",
            discussion: "Three quarters are for images that need much of it: they wait for room; one that needs more is refused with 413.",
            valueName: "MiB"))
    var decodeMemory: Int?

    @Option(
        help: ArgumentHelp(
            "How much decoding a request may ask for, in seconds as estimated from the images' headers; more is refused with 413.",
            discussion: "So much may also wait of one client address in images that take long to decode; more is refused with 429.",
            valueName: "seconds"))
    var decodeBudget: Double = environment("decode-budget", default: 10)

    @Option(
        help: ArgumentHelp(
            "Answers for images that come again are kept in so much memory, in bytes; 0 for none.",
            discussion: "Of what was asked for longest ago they are forgotten first. Answers then have an ETag and a Cache-Status.",
            valueName: "bytes"))
    var cache: Int = environment("cache", default: 0)

    @Option(help: "The deadline of requests that say none (X-Deadline-Ms), in milliseconds; 0 for none.")
    var defaultDeadline: Int = environment("default-deadline", default: 0)

    @Option(help: "The longest deadline of any request, in milliseconds; 0 for any.")
    var maxDeadline: Int = environment("max-deadline", default: 0)

    func validate() throws {
        try require("--max-batch", maxBatch, in: 1...1024)
        try require("--max-delay", maxDelay, in: 0...60_000, "milliseconds")
        if let queueLimit { try require("--queue", queueLimit, in: 1...1_000_000) }
        try require("--max-client-requests", maxClientRequests, in: 0...1_000_000)
        if let decodeMemoryLimit { try require("--decode-memory", decodeMemoryLimit, in: 16...1 << 20, "MiB") }
        try require("--decode-budget", decodeBudget, above: 0, upTo: 3600, "seconds")
        try require("--cache", cache, in: 0...1 << 40, "bytes")
        try require("--default-deadline", defaultDeadline, in: 0...86_400_000, "milliseconds")
        try require("--max-deadline", maxDeadline, in: 0...86_400_000, "milliseconds")
    }

    /// `--queue`, or its environment variable; nil for a second's work.
    private var queueLimit: Int? { queue ?? environment("queue") }

    /// `--decode-memory`, or its environment variable, in MiB; nil for what the number of threads decides.
    private var decodeMemoryLimit: Int? { decodeMemory ?? environment("decode-memory") }

    func configuration(_ threads: ThreadOptions, _ images: ImageOptions) -> EnginePool.Options {
        var options = EnginePool.Options(threads: threads.threads)
        options.largestBatch = maxBatch
        options.maxDelay = .seconds(maxDelay / 1000)
        options.queue = queueLimit
        options.clientRequests = maxClientRequests
        options.decodeBudget = .seconds(decodeBudget)
        if let decodeMemoryLimit { options.decodeMemory = decodeMemoryLimit << 20 }
        options.decoder = images.decoder
        return options
    }

    var deadlines: Deadlines {
        Deadlines(
            standard: defaultDeadline > 0 ? .milliseconds(defaultDeadline) : nil,
            longest: maxDeadline > 0 ? .milliseconds(maxDeadline) : nil)
    }
}
