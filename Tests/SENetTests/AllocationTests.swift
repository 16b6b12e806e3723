import CAllocationCounter
import Testing

@testable import SENet

@Suite("The steady state", .serialized)
struct AllocationTests {
    /// Allocations during a run while nothing else happens; other tests run at the same time, so the smallest of many tries counts.
    private func allocations(_ body: () -> Void) -> UInt64 {
        (0..<2000).map { _ in
            let before = allocation_count()
            body()
            return allocation_count() - before
        }.min() ?? .max
    }

    @Test(
        "allocates nothing, on one thread or more", .enabled(if: allocation_counter_works(), "sanitizers have an allocator of their own"),
        arguments: 1...2)
    func run(_ threads: Int) throws {
        let plan = try Plan.byFormula(.small("seresnet50"), height: 32, width: 32)
        let session = try Session(plan: plan, threads: threads, largestBatch: 2)
        for images in 1...2 { #expect(allocations { session.run(images: images) } == 0) }
    }

    @Test("is measured by a counter that counts", .enabled(if: allocation_counter_works(), "sanitizers have an allocator of their own"))
    func counter() {
        var kept: [[Int]] = []
        let before = allocation_count()
        for size in 1...100 { kept.append(Array(repeating: size, count: size)) }
        #expect(allocation_count() - before >= 100)
        #expect(kept.count == 100)
    }
}
