import Glibc
import LoadTesting

/// How often which latency came, drawn with characters: each row reaches a fixed factor higher than the one before.
struct LatencyPlot {
    var latencies: LoadRecorder.Latencies
    var rows = 14
    /// Characters of the longest bar.
    var width = 50

    /// Empty where nothing was recorded.
    var text: String {
        guard latencies.totalCount > 0 else { return "" }
        // Microseconds; a tenth is the least factor between the first and the last row.
        let (lowest, highest) = (Double(max(1, latencies.min)), Double(max(1, latencies.max)))
        let factor = pow(max(1.1, highest / lowest), 1 / Double(rows))
        var counts = Array(repeating: 0, count: rows)
        for value in latencies.recordedValues() {
            let row = log(Double(max(1, value.value)) / lowest) / log(factor)
            counts[min(rows - 1, max(0, Int(row)))] += Int(value.count)
        }
        let last = counts.lastIndex { $0 > 0 } ?? 0
        let largest = Double(counts.max() ?? 1)
        var table = TextTable(columns: [.right("up to ms"), .right("requests"), .right("sum"), .left("")])
        var sum = 0
        for row in 0...last {
            sum += counts[row]
            let upper = row == last ? highest : lowest * pow(factor, Double(row + 1))
            let share = Double(sum) / Double(latencies.totalCount)
            // An eighth of a character at least, where there was a request at all.
            let eighths = counts[row] == 0 ? 0 : max(1, Int((Double(counts[row]) / largest * Double(width) * 8).rounded()))
            table.rows.append([
                (upper / 1000).digits(3), counts[row].grouped, "\((share * 100).formatted(decimals: 1)) %", Self.bar(eighths),
            ])
        }
        return table.text
    }

    private static func bar(_ eighths: Int) -> String {
        let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        return String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
    }
}

extension Double {
    /// With so many significant digits, but never an exponent.
    func digits(_ count: Int) -> String {
        guard self > 0 else { return "0" }
        return formatted(decimals: max(0, count - 1 - Int(Glibc.log10(self).rounded(.down))))
    }
}
