/// The pass that places: where the values of one image lie, as offsets from the start of the image's part of the arena, in bytes.
///
/// Values whose lifetimes do not overlap share memory. Placed largest first, each at the lowest offset that is free during its life.
struct MemoryPlan: Sendable, Equatable {
    /// From the operation that makes it to the last that reads it.
    struct Lifetime: Sendable, Equatable {
        var byteCount: Int
        var first: Int
        var last: Int
    }

    /// Offsets are multiples of this many bytes: a cache line.
    static let alignment = 64

    /// In the order of the lifetimes.
    private(set) var offsets: [Int]
    private(set) var byteCount = 0

    init(_ lifetimes: [Lifetime]) {
        offsets = lifetimes.map { _ in 0 }
        var placed: [(range: Range<Int>, lifetime: Lifetime)] = []
        let order = lifetimes.indices.sorted {
            (lifetimes[$1].byteCount, lifetimes[$0].first, $0) < (lifetimes[$0].byteCount, lifetimes[$1].first, $1)
        }
        for index in order {
            let lifetime = lifetimes[index]
            let size = lifetime.byteCount.roundedUp(toMultipleOf: Self.alignment)
            var offset = 0
            let neighbours = placed.filter { $0.lifetime.first <= lifetime.last && lifetime.first <= $0.lifetime.last }
            for range in neighbours.map(\.range).sorted(by: { $0.lowerBound < $1.lowerBound }) where range.lowerBound < offset + size {
                offset = max(offset, range.upperBound)
            }
            placed.append((offset..<offset + size, lifetime))
            offsets[index] = offset
            byteCount = max(byteCount, offset + size)
        }
    }
}

extension MemoryPlan {
    /// Places every value of `network`: each in memory of its own, or in the memory of the value that its operation overwrites.
    ///
    /// - Throws: `ModelError.network` naming a value that nothing makes, or that is made twice or read before.
    init(_ network: FusedNetwork) throws(ModelError) {
        let lifetimes = try network.lifetimes()
        // The value that lay first in each value's memory, and how long anything lies there.
        var (owners, lives) = (Array(lifetimes.indices), lifetimes)
        for (index, operation) in network.operations.enumerated() where operation.worksInPlace {
            let (input, output) = (operation.input.index, operation.output.index)
            guard lifetimes[input].last == index, lifetimes[input].byteCount == lifetimes[output].byteCount else { continue }
            owners[output] = owners[input]
            lives[owners[input]].last = lifetimes[output].last
        }
        let placed = lifetimes.indices.filter { owners[$0] == $0 }
        self.init(placed.map { lives[$0] })
        var all = lifetimes.map { _ in 0 }
        for (value, offset) in zip(placed, offsets) { all[value] = offset }
        offsets = owners.map { all[$0] }
    }
}

extension FusedNetwork {
    /// Of every value: the input lives from the start, the output for ever, and so does the image that it is made of, for class maps.
    ///
    /// - Throws: `ModelError.network` naming a value that nothing makes, or that is made twice or read before.
    fileprivate func lifetimes() throws(ModelError) -> [MemoryPlan.Lifetime] {
        var lifetimes: [MemoryPlan.Lifetime?] = values.map { _ in nil }
        lifetimes[input.index] = MemoryPlan.Lifetime(byteCount: self[input].byteCount, first: 0, last: 0)
        for (index, operation) in operations.enumerated() {
            for value in operation.reads {
                guard lifetimes[value.index] != nil else {
                    throw .network("operation '\(operation.name)' reads the value '\(self[value].name)' before it is made")
                }
                lifetimes[value.index]?.last = index
            }
            for value in operation.writes {
                guard lifetimes[value.index] == nil else { throw .network("the value '\(self[value].name)' is made twice") }
                lifetimes[value.index] = MemoryPlan.Lifetime(byteCount: self[value].byteCount, first: index, last: index)
            }
        }
        for value in [output, classifiedImage].compactMap({ $0 }) { lifetimes[value.index]?.last = operations.count }
        return try lifetimes.enumerated().map { (index, lifetime) throws(ModelError) in
            guard let lifetime else { throw .network("nothing makes the value '\(values[index].name)'") }
            return lifetime
        }
    }
}
