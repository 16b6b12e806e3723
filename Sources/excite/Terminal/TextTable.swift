import SENet

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
        let all = [columns.map(\.title)] + rows.map { $0.map(printable) }
        let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = columns.indices.map { columns[$0].padded(row[$0], to: widths[$0]) }
            return cells.joined(separator: "  ").replacing(/\ +$/, with: "")
        }.joined(separator: "\n")
    }
}
