import Threads

/// The packed weights of a plan's steps.
struct PackedWeights: Sendable {
    let memory: AlignedMemory
    /// Where each step's begin, in bytes.
    let offsets: [Int]

    /// The pass that packs: every step its own weights, the steps shared among `threads` threads.
    ///
    /// - Parameter network: whose tensors the steps are to take, each once; nil where they take those of the checkpoint instead.
    /// - Throws: `ModelError.network` naming a tensor of the network that no step takes, or that two do; what the checkpoint throws; and
    ///   `ModelError.engine` if memory or threads cannot be had.
    init(_ steps: [any Step], of network: Network?, from checkpoint: Checkpoint, threads: Int) throws(ModelError) {
        let weighted = steps.map { $0 as? any WeightedStep }
        let tensors = weighted.flatMap { $0?.tensors ?? [] }
        if let network { try Self.check(tensors, of: network) }
        try checkpoint.check(tensors)
        var (offsets, byteCount) = ([Int](), 0)
        for step in weighted {
            offsets.append(byteCount)
            if let step { byteCount += step.weightBytes.roundedUp(toMultipleOf: MemoryPlan.alignment) }
        }
        let memory = try AlignedMemory(byteCount: byteCount)
        let failure = Mutex<ModelError?>(nil)
        let team = try ThreadTeam(count: threads)
        team.perform { [offsets] thread in
            while let index = team.takeTicket(of: weighted.count, thread: thread) {
                do throws(ModelError) {
                    try weighted[index]?.pack(from: checkpoint, to: memory.start + offsets[index])
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        try checkpoint.requireUnchanged()
        (self.memory, self.offsets) = (memory, offsets)
    }

    /// Whether the steps take every tensor of the network, each once.
    private static func check(_ taken: [Parameter], of network: Network) throws(ModelError) {
        var left = Set(network.parameters.map(\.name))
        for parameter in taken where left.remove(parameter.name) == nil {
            throw .network("two steps take the tensor '\(parameter.name)', or the network has none of that name")
        }
        if let name = left.min() { throw .network("no step takes the tensor '\(name)'") }
    }
}
