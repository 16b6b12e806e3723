import ArgumentParser
import Dispatch
import Glibc
import LoadTesting
import Service

struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send images to a server at a constant rate, and report latencies.",
        discussion: """
            With --rate the load is open: a request is due at its time whatever became of those before, and its latency counts from \
            there, so that waiting is not hidden. Where no connection is free it waits for one. With --closed N, N clients each send \
            the next request when the last one is answered: that finds a server's capacity, and says little of latency.

              excite load http://127.0.0.1:8080 --rate 50 --duration 60 --images photos
              excite load http://127.0.0.1:8080 --closed 8

            An interrupt (Ctrl-C) ends the run early, with its report. Ends with 0 if anything was answered, whatever the status.
            """)

    @Argument(help: "The server, such as http://127.0.0.1:8080; without a path, /classify is asked.")
    var url: String

    @Option(help: "Requests a second, at a constant rate.")
    var rate: Double?

    @Flag(help: "With --rate: at random, as independent clients come (a Poisson process), the same in every run; not evenly spaced.")
    var poisson = false

    @Option(help: ArgumentHelp("Instead of a rate: so many clients in a loop.", valueName: "clients"))
    var closed: Int?

    @Option(help: "How long to send, in seconds.")
    var duration: Double = 10

    @Option(help: "The most connections at a time.")
    var connections: Int = 512

    @Option(
        help: ArgumentHelp(
            "A folder of images, sent in turn; repeat it for several. (default: the self-test image of the model that comes with the program)",
            valueName: "folder"))
    var images: [String] = []

    @Option(help: "Sent as X-Deadline-Ms: how long an answer is of use, in milliseconds. Later ones do not count as goodput.")
    var deadlineMs: Int?

    @Option(help: "How long to wait for an answer, from when the request was due, in seconds.")
    var timeout: Double = 30

    @Option(help: "Asks for this model, by its name in /models.")
    var model: String?

    @Option(help: "Asks for so many labels.")
    var top: Int?

    @Option(help: ArgumentHelp("Send the image as this field of a form. (default: as the body itself)", valueName: "field"))
    var form: String?

    @Option(help: ArgumentHelp("The share of requests whose connection is closed once they are sent, from 0 to 1.", valueName: "share"))
    var leave: Double = 0

    @Option(
        help: ArgumentHelp(
            "Besides, so many connections that drip a byte a second, half of them in the head, half in the body.", valueName: "connections")
    )
    var slow: Int = 0

    @Option(help: "text or json.")
    var format: OutputFormat = .text

    func validate() throws {
        func require(_ condition: Bool, _ what: String) throws { if !condition { throw ValidationError("\(what).") } }
        try require((rate == nil) != (closed == nil), "Either --rate or --closed must be given")
        if let rate { try require(rate > 0 && rate <= 1_000_000, "--rate must be above 0 and at most 1,000,000 requests a second") }
        try require(rate != nil || !poisson, "--poisson goes with --rate")
        if let closed { try require((1...10_000).contains(closed), "--closed must be from 1 to 10,000 clients") }
        try require(duration > 0 && duration <= 86_400, "--duration must be above 0 and at most 86,400 seconds")
        try require((1...60_000).contains(connections), "--connections must be from 1 to 60,000")
        if let deadlineMs { try require((1...86_400_000).contains(deadlineMs), "--deadline-ms must be from 1 to 86,400,000") }
        try require(timeout > 0 && timeout <= 3600, "--timeout must be above 0 and at most 3,600 seconds")
        if let form {
            try require(
                !form.isEmpty && form.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) },
                "--form takes letters, digits, - and _")
        }
        try require((0...1).contains(leave), "--leave must be from 0 to 1")
        try require((0...60_000).contains(slow), "--slow must be from 0 to 60,000 connections")
    }

    func run() throws {
        do {
            let plan = try plan()
            try plan.target.reach(timeout: plan.timeout)
            let report = try run(LoadRun(plan))
            print(format == .json ? try JSON.text(report) : report.text)
            guard report.hasAnswers else { throw LoadError("\(plan.target.url): nothing was answered") }
        } catch let error as LoadError {
            printError("\(error)")
            throw ExitCode.failure
        }
    }

    private func plan() throws -> LoadPlan {
        var headers: [(name: String, value: String)] = [("User-Agent", "excite-load/\(Build.version)")]
        if let deadlineMs { headers.append(("X-Deadline-Ms", "\(deadlineMs)")) }
        var query: [(name: String, value: String)] = []
        if let model { query.append(("model", model)) }
        if let top { query.append(("top", "\(top)")) }
        let target = try LoadTarget(url, query: query, headers: headers)
        if leave > 0 || slow > 0, target.isEncrypted { throw LoadError("--leave and --slow need http, not https") }
        let payload =
            images.isEmpty
            ? try LoadPayload(files: ["\(EmbeddedModel.folder())/self-test.jpg"], form: form)
            : try LoadPayload(folders: images, form: form)
        return LoadPlan(
            target: target, payload: payload, arrival: rate.map { .open(rate: $0, isRandom: poisson) } ?? .closed(clients: closed ?? 1),
            duration: duration,
            connections: max(connections, closed ?? 0), timeout: .seconds(timeout),
            deadline: deadlineMs.map { .milliseconds($0) }, leave: leave, slow: slow)
    }

    /// The first interrupt ends the run early, a second one the program.
    private func run(_ run: LoadRun) throws(LoadError) -> LoadReport {
        signal(SIGINT, SIG_IGN)
        let interrupts = DispatchSource.makeSignalSource(signal: SIGINT)
        interrupts.setEventHandler { if !run.stop() { _exit(130) } }
        interrupts.resume()
        let progress = LoadProgress(run.recorder, duration: run.plan.duration)
        defer {
            progress.finish()
            interrupts.cancel()
        }
        return try run.run()
    }
}
