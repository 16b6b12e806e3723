import FoundationEssentials
import Serving

/// What `excite gates` found.
struct GateReport: Encodable {
    struct Group: Encodable {
        /// The class's name, or the file.
        var name: String
        var label: String
        var images: Int
    }

    struct Block: Encodable {
        var name: String
        var channels: Int
        /// In the order of the report's groups.
        var groups: [Values]
    }

    /// Of each channel, over one group's images.
    struct Values: Encodable {
        var mean: [Double]
        var deviation: [Double]
    }

    var model: String
    var groups: [Group]
    var blocks: [Block]

    /// - Precondition: every group has statistics of at least one image.
    init(model: String, groups: [ImageGroup]) {
        self.model = model
        self.groups = groups.map { Group(name: $0.name, label: $0.label, images: $0.statistics.images) }
        blocks = (groups.first?.statistics.blocks ?? []).indices.map { index in
            let block = groups[0].statistics.blocks[index]
            let values = groups.map { group in
                let block = group.statistics.blocks[index]
                return Values(
                    mean: block.mean.map { $0.rounded(decimals: 7) },
                    deviation: group.statistics.deviation(block).map { $0.rounded(decimals: 7) })
            }
            return Block(name: block.name, channels: block.mean.count, groups: values)
        }
    }

    /// One line a block, group and channel.
    var csv: String {
        var lines = ["block,group,images,channel,mean,deviation"]
        for block in blocks {
            for (group, values) in zip(groups, block.groups) {
                let name = group.name.contains { ",\"\n\r".contains($0) } ? "\"\(group.name.replacing("\"", with: "\"\""))\"" : group.name
                for channel in values.mean.indices {
                    lines.append("\(block.name),\(name),\(group.images),\(channel),\(values.mean[channel]),\(values.deviation[channel])")
                }
            }
        }
        return lines.joined(separator: "\n")
    }

    /// A table a block: its mean gate, how the channels are spread over 0 to 1, and how far the groups are apart.
    var text: String {
        var table = TextTable(columns: [
            .left("block"), .right("channels"), .right("mean"), .left("0 … channels … 1"), .right("between channels"),
        ])
        if groups.count > 1 { table.columns.append(.right("between groups")) }
        for block in blocks {
            let all = block.meanOfGroups
            let gate = GateValues(name: block.name, values: all.map(Float.init))
            var row = [
                block.name, block.channels.grouped, gate.mean.formatted(decimals: 3), Self.bars(gate.histogram(bins: 16)),
                Self.deviation(all).formatted(decimals: 3),
            ]
            if groups.count > 1 {
                // Of one channel over the groups, averaged over the channels: near 0 where the gate is the same whatever it is shown.
                let apart = block.groups[0].mean.indices.map { channel in Self.deviation(block.groups.map { $0.mean[channel] }) }
                row.append((apart.reduce(0, +) / Double(apart.count)).formatted(decimals: 4))
            }
            table.rows.append(row)
        }
        let images = groups.reduce(0) { $0 + $1.images }
        let what = groups.count == 1 ? groups[0].label : "\(images.grouped) images in \(groups.count.grouped) groups"
        return "\(model): gates for \(what)\n\n\(table.text)"
    }

    private static func deviation(_ values: [Double]) -> Double {
        let mean = values.reduce(0, +) / Double(values.count)
        return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot()
    }

    private static func bars(_ counts: [Int]) -> String {
        let largest = Double(max(1, counts.max() ?? 1))
        let signs = Array("▁▂▃▄▅▆▇█")
        return String(counts.map { $0 == 0 ? " " : signs[min(7, Int(Double($0) / largest * 8))] })
    }
}

extension GateReport.Block {
    /// Of each channel, every group counting alike.
    var meanOfGroups: [Double] {
        (0..<channels).map { channel in groups.reduce(0) { $0 + $1.mean[channel] } / Double(groups.count) }
    }
}
