import ArgumentParser
import FoundationEssentials
import Serving

/// `p99=50ms`, `p95=0.2s`.
extension LatencyObjective: ExpressibleByArgument {
    public init?(argument: String) {
        guard let match = argument.wholeMatch(of: /p(\d{2}(?:\.\d{1,2})?)=(\d+(?:\.\d+)?)(ms|s)/),
            let percent = Double(match.1), let number = Double(match.2), percent >= 50
        else { return nil }
        let seconds = match.3 == "s" ? number : number / 1000
        guard (0.001...3600).contains(seconds) else { return nil }
        self.init(share: percent / 100, limit: .seconds(seconds))
    }

    /// `p99`.
    var name: String { "p\(brief(share * 100))" }
    var text: String { "\(name) within \(brief(limit.seconds * 1000)) ms" }

    private func brief(_ value: Double) -> String {
        let text = value.formatted(decimals: 2)
        return text.hasSuffix(".00") ? String(text.dropLast(3)) : text.hasSuffix("0") ? String(text.dropLast()) : text
    }
}
