import ArgumentParser
import Foundation

/// Rows of text in aligned columns.
struct TextTable {
    enum Column {
        case left(String)
        case right(String)

        var title: String {
            switch self {
            case .left(let title), .right(let title): title
            }
        }

        func padded(_ text: String, to width: Int) -> String {
            let space = String(repeating: " ", count: max(0, width - text.count))
            return switch self {
            case .left: text + space
            case .right: space + text
            }
        }
    }

    var columns: [Column]
    var rows: [[String]] = []

    var text: String {
        let all = [columns.map(\.title)] + rows
        let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = columns.indices.map { columns[$0].padded(row[$0], to: widths[$0]) }
            return cells.joined(separator: "  ").replacing(/\ +$/, with: "")
        }.joined(separator: "\n")
    }
}

extension Int {
    /// With a comma every three digits.
    var grouped: String {
        let digits = String(abs(self))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return self < 0 ? "-\(text)" : text
    }

    /// Bytes as mebibytes, to one decimal.
    var mebibytes: String { "\((Double(self) / 0x1p20).formatted(decimals: 1)) MiB" }
}

extension Double {
    func formatted(decimals: Int) -> String { String(format: "%.\(decimals)f", self) }

    func rounded(decimals: Int) -> Double {
        let scale = Foundation.pow(10, Double(decimals))
        return (self * scale).rounded() / scale
    }
}

/// One JSON style for everything that the program writes: keys sorted, in snake case.
enum JSON {
    static func data(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }

    static func text(_ value: some Encodable) throws -> String { String(decoding: try data(value), as: UTF8.self) }
}

/// The input's size: `224`, or `288x224` for height and width.
struct InputSize: ExpressibleByArgument {
    var height: Int
    var width: Int

    init?(argument: String) {
        let edges = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(edges.count), let height = edges[0], let width = edges.last ?? nil else { return nil }
        guard (32...4096).contains(height), (32...4096).contains(width) else { return nil }
        self.height = height
        self.width = width
    }
}
