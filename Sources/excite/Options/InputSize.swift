import ArgumentParser

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
