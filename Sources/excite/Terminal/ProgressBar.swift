import FoundationEssentials
import Glibc
import SENet
import Service

/// A line on the terminal that says how far a long task is, how fast it goes and how long it will take. Silent where standard error is
/// no terminal.
struct ProgressBar {
    /// What is counted.
    enum Unit {
        case images
        case bytes
        /// The task's own measure is its time.
        case seconds
        /// Nothing but the share that is done.
        case share
    }

    private let title: String
    private let unit: Unit
    private let isShown = isatty(STDERR_FILENO) == 1
    private var begin = ContinuousClock.now
    /// What was done before the task began, by an earlier attempt: it does not count for the rate.
    private var done: Int
    private var shown: ContinuousClock.Instant?

    init(_ title: String, _ unit: Unit, alreadyDone: Int = 0) {
        self.title = title
        self.unit = unit
        done = alreadyDone
    }

    /// Redraws the line, at most ten times a second.
    /// - Parameter total: nil where it is not known.
    mutating func update(_ count: Int, of total: Int?) {
        guard isShown else { return }
        let now = ContinuousClock.now
        if let shown, (now - shown) < .milliseconds(100), count != total { return }
        shown = now
        let seconds = (now - begin).components
        let elapsed = Double(seconds.seconds) + Double(seconds.attoseconds) * 1e-18
        draw(Self.line(title, unit, count, total, elapsed: elapsed, since: done, columns: Self.columns))
    }

    /// The same for what is counted in nothing but its share.
    mutating func share(_ part: Double) { update(Int(part * 1000), of: 1000) }

    /// Removes the line.
    func finish() {
        if isShown, shown != nil { draw("") }
    }

    private func draw(_ text: String) { StandardStreams.writeError("\r\u{1B}[K\(printable(text))") }

    /// The line's text, no longer than `columns`.
    static func line(_ title: String, _ unit: Unit, _ count: Int, _ total: Int?, elapsed: Double, since done: Int, columns: Int) -> String {
        let rate = elapsed > 0 ? Double(count - done) / elapsed : 0
        var fields: [String] = []
        func amount(_ count: Int) -> String {
            switch unit {
            case .images: count.grouped
            case .bytes: count.mebibytes
            case .seconds: "\(count) s"
            case .share: ""
            }
        }
        if unit != .share { fields.append(total.map { "\(amount(count)) of \(amount($0))" } ?? amount(count)) }
        switch unit {
        case .images: fields.append("\(rate.formatted(decimals: 1)) images/s")
        case .bytes: fields.append("\(Int(rate).mebibytes)/s")
        case .seconds, .share: break
        }
        if let total, rate > 0, unit != .seconds { fields.append("\(duration(Double(total - count) / rate)) left") }
        let head = title.isEmpty ? "" : "\(title)  "
        let tail = fields.joined(separator: "  ")
        guard let total, total > 0 else { return String((head + tail).prefix(columns)) }
        let share = min(1, max(0, Double(count) / Double(total)))
        let percent = "\(Int(share * 100))".leftPadded(to: 3) + " %"
        let width = min(30, columns - head.count - percent.count - tail.count - 4)
        let bar = width >= 5 ? Self.bar(share, width: width) + "  " : ""
        return String("\(head)\(percent) \(bar)\(tail)".prefix(columns))
    }

    /// Filled to an eighth of a character.
    private static func bar(_ share: Double, width: Int) -> String {
        let eighths = Int(share * Double(8 * width))
        let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        return (String(repeating: "█", count: eighths / 8) + parts[eighths % 8]).rightPadded(to: width)
    }

    private static func duration(_ seconds: Double) -> String {
        let seconds = Int(min(seconds, 359_999).rounded(.up))
        if seconds < 60 { return "\(seconds) s" }
        if seconds < 3600 { return "\(seconds / 60) min \(seconds % 60) s" }
        return "\(seconds / 3600) h \(seconds % 3600 / 60) min"
    }

    private static var columns: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else { return 79 }
        return Int(size.ws_col) - 1
    }
}
