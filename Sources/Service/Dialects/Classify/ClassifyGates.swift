import Serving

/// How much an answer tells of the gates: `/classify?gates=1` or `gates=full`.
enum GateDetail: String {
    /// Mean and histogram of each block's gate.
    case summary = "1"
    /// Every channel's value too.
    case full
}

/// The gate of one squeeze-and-excitation block.
struct GateSummary: JSONWritable {
    /// As the checkpoint names it: `layer1.0.se`.
    var name: String
    var channels: Int
    /// Over the channels.
    var mean: Double
    /// How many channels' values lie in each tenth of 0 to 1.
    var histogram: [Int]
    /// Of each channel.
    var values: [Float]?

    init(_ gate: GateValues, _ detail: GateDetail) {
        name = gate.name
        channels = gate.values.count
        mean = gate.mean.rounded(decimals: 6)
        histogram = gate.histogram(bins: 10)
        if detail == .full { values = gate.values }
    }

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("name", name)
            $0.field("channels", channels)
            $0.field("mean", mean)
            $0.field("histogram", histogram)
            $0.field("values", values)
        }
    }
}
