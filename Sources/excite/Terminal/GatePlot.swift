import FoundationEssentials

/// The gates as a drawing: a panel a block, a line a group, as in the paper's figure of the activations by class and depth.
struct GatePlot {
    private let report: GateReport
    private let blocks: [GateReport.Block]
    /// How many of a block's channels are drawn.
    private let channels: Int

    private static let columns = 3
    private static let panel = (width: 300.0, height: 190.0)
    private static let plot = (left: 38.0, top: 26.0, right: 10.0, bottom: 34.0)
    /// Of the legend and the title above the panels.
    private static let lineHeight = 20.0
    /// Okabe and Ito's palette, which colour-blind people can tell apart, without its black and yellow.
    private static let colors = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"]
    /// More lines than this cannot be told apart: they are drawn thin, in one colour.
    private static let distinct = colors.count

    init(_ report: GateReport, isAllBlocks: Bool, channels: Int) {
        self.report = report
        self.channels = channels
        let stages = report.blocks.map { $0.name.prefix { $0 != "." } }
        let last = stages.last
        blocks = report.blocks.indices.filter { index in
            isAllBlocks || stages[index] == last || index + 1 == stages.count || stages[index + 1] != stages[index]
        }.map { report.blocks[$0] }
    }

    var svg: String {
        let legend = legend
        let top = 34 + Self.lineHeight * Double(legend.lines)
        let rows = (blocks.count + Self.columns - 1) / Self.columns
        let columns = min(Self.columns, blocks.count)
        let width = max(Self.panel.width * Double(columns), 620)
        let height = top + Self.panel.height * Double(rows)
        var lines = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.text(width)) \(Self.text(height))" \
            width="\(Self.text(width))" height="\(Self.text(height))" font-family="sans-serif" font-size="11" fill="#222">
            """,
            #"<rect width="100%" height="100%" fill="white"/>"#,
            #"<text x="12" y="22" font-size="14" font-weight="bold">\#(Self.escaped(report.model)): gates, mean of each channel</text>"#,
        ]
        lines += legend.items
        for (index, block) in blocks.enumerated() {
            let x = Self.panel.width * Double(index % Self.columns)
            let y = top + Self.panel.height * Double(index / Self.columns)
            lines.append(#"<g transform="translate(\#(Self.text(x)) \#(Self.text(y)))">"#)
            lines += panel(block)
            lines.append("</g>")
        }
        return (lines + ["</svg>"]).joined(separator: "\n")
    }

    private var isManyGroups: Bool { report.groups.count > Self.distinct }

    private func color(_ group: Int) -> String { isManyGroups ? "#0072b2" : Self.colors[group] }

    /// Names of lines beside a piece of them, in rows as wide as the drawing.
    private var legend: (items: [String], lines: Int) {
        var entries: [(text: String, color: String, isThick: Bool)] =
            isManyGroups
            ? [("each of \(report.groups.count) groups", color(0), false)]
            : report.groups.indices.map { index in
                let group = report.groups[index]
                return (group.images > 1 ? "\(group.label) (\(group.images) images)" : group.label, color(index), false)
            }
        if report.groups.count > 1 { entries.append(("all", "black", true)) }
        var (x, line) = (12.0, 0)
        let width = Self.panel.width * Double(max(2, min(Self.columns, blocks.count)))
        let items = entries.map { entry in
            let text = entry.text.count > 60 ? "\(entry.text.prefix(59))…" : entry.text
            let length = 34 + 6.2 * Double(text.count)
            if x + length > width, x > 12 { (x, line) = (12, line + 1) }
            defer { x += length }
            let y = 42 + Self.lineHeight * Double(line)
            return """
                <path d="M\(Self.text(x)) \(Self.text(y - 4))h18" stroke="\(entry.color)" stroke-width="\(entry.isThick ? 2.5 : 1.5)"/>\
                <text x="\(Self.text(x + 23))" y="\(Self.text(y))">\(Self.escaped(text))</text>
                """
        }
        return (items, line + 1)
    }

    private func panel(_ block: GateReport.Block) -> [String] {
        let (left, top) = (Self.plot.left, Self.plot.top)
        let width = Self.panel.width - left - Self.plot.right
        let height = Self.panel.height - top - Self.plot.bottom
        let count = min(channels, block.channels)
        let sampled = (0..<count).map { $0 * block.channels / count }
        func x(_ index: Int) -> Double { left + width * (count > 1 ? Double(index) / Double(count - 1) : 0.5) }
        let axis = Self.axis(block)
        func y(_ value: Double) -> Double {
            let share = (value - axis.lowerBound) / (axis.upperBound - axis.lowerBound)
            return top + height * (1 - min(1, max(0, share)))
        }
        func path(_ values: [Double]) -> String {
            "M" + sampled.enumerated().map { "\(Self.text(x($0))) \(Self.text(y(values[$1])))" }.joined(separator: "L")
        }
        var lines = [
            #"<text x="\#(Self.text(left))" y="\#(Self.text(top - 9))" font-size="12">\#(Self.escaped(block.name)), \#(block.channels) channels</text>"#
        ]
        for share in [0, 0.25, 0.5, 0.75, 1] {
            let tick = axis.lowerBound + share * (axis.upperBound - axis.lowerBound)
            lines.append(
                """
                <path d="M\(Self.text(left)) \(Self.text(y(tick)))h\(Self.text(width))" stroke="#ddd"/>\
                <text x="\(Self.text(left - 6))" y="\(Self.text(y(tick) + 4))" text-anchor="end">\(Self.text(tick, decimals: 2))</text>
                """)
        }
        for share in [0, 0.5, 1] {
            let index = Int((Double(count - 1) * share).rounded())
            lines.append(
                #"<text x="\#(Self.text(x(index)))" y="\#(Self.text(top + height + 15))" text-anchor="middle">\#(sampled[index])</text>"#)
        }
        lines.append(
            #"<text x="\#(Self.text(left + width / 2))" y="\#(Self.text(top + height + 28))" text-anchor="middle" fill="dimgray">channel</text>"#
        )
        // One or two groups leave room for how far their images are apart.
        if report.groups.count <= 2 {
            for (index, group) in block.groups.enumerated() where report.groups[index].images > 1 {
                let upper = sampled.enumerated().map { "\(Self.text(x($0))) \(Self.text(y(group.mean[$1] + group.deviation[$1])))" }
                let lower = sampled.enumerated().reversed().map {
                    "\(Self.text(x($0))) \(Self.text(y(group.mean[$1] - group.deviation[$1])))"
                }
                lines.append(#"<path d="M\#((upper + lower).joined(separator: "L"))Z" fill="\#(color(index))" fill-opacity="0.18"/>"#)
            }
        }
        for (index, group) in block.groups.enumerated() {
            let style = isManyGroups ? #"stroke-width="0.6" stroke-opacity="0.35""# : #"stroke-width="1.3""#
            lines.append(#"<path d="\#(path(group.mean))" fill="none" stroke="\#(color(index))" \#(style) stroke-linejoin="round"/>"#)
        }
        if report.groups.count > 1 {
            lines.append(#"<path d="\#(path(block.meanOfGroups))" fill="none" stroke="black" stroke-width="2" stroke-linejoin="round"/>"#)
        }
        return lines
    }

    /// 0 to 1, where a sigmoid's values are; further where an excitation of another kind goes further.
    private static func axis(_ block: GateReport.Block) -> ClosedRange<Double> {
        let values = block.groups.flatMap(\.mean).filter(\.isFinite)
        return min(0, (values.min() ?? 0).rounded(.down))...max(1, (values.max() ?? 1).rounded(.up))
    }

    /// To a tenth of a pixel: nobody sees more.
    private static func text(_ value: Double, decimals: Int = 1) -> String {
        var text = value.formatted(decimals: decimals)
        while text.hasSuffix("0"), text.contains(".") { text.removeLast() }
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }
}
