/// Where the values of one image lie: offsets from the start of the image's part of the arena, in floats.
///
/// Values whose lifetimes do not overlap share memory. Placed largest first, each at the lowest offset that is free during its life.
struct MemoryPlan: Sendable, Equatable {
    /// A value's life: from the step that makes it to the last that reads it.
    struct Value: Sendable, Equatable {
        var name: String
        var count: Int
        var first: Int
        var last: Int
    }

    /// Offsets are multiples of this many floats: a cache line.
    static let alignment = 16

    private(set) var offsets: [String: Int] = [:]
    private(set) var count = 0

    init(_ values: [Value]) {
        var placed: [(range: Range<Int>, value: Value)] = []
        // Equal sizes in order of birth, so that the plan does not depend on the order of a dictionary.
        for value in values.sorted(by: { ($1.count, $0.first, $0.name) < ($0.count, $1.first, $1.name) }) {
            let size = value.count.roundedUp(toMultipleOf: Self.alignment)
            var offset = 0
            let neighbours = placed.filter { $0.value.first <= value.last && value.first <= $0.value.last }
            for range in neighbours.map(\.range).sorted(by: { $0.lowerBound < $1.lowerBound }) where range.lowerBound < offset + size {
                offset = max(offset, range.upperBound)
            }
            placed.append((offset..<offset + size, value))
            offsets[value.name] = offset
            count = max(count, offset + size)
        }
    }
}

extension Int {
    func roundedUp(toMultipleOf unit: Int) -> Int { (self + unit - 1) / unit * unit }
    func dividedRoundingUp(by divisor: Int) -> Int { (self + divisor - 1) / divisor }
}
