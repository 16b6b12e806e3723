import CKernels
import Threads

/// Collects what the passes of a plan decide.
struct PlanBuilder {
    let fused: [FusedOperation]
    let shapes: [String: Shape]
    let kernels: Kernels
    let onlyGemm: Bool
    private(set) var memory = MemoryPlan([])
    private(set) var steps: [any Step] = []
    private(set) var scratchCount = 0
    private var choices: [String: AlgorithmChoice] = [:]
    /// Values that lie where another one was: the other's name.
    private var reused: [String: String] = [:]
    /// Bands of the sums over a value's channels.
    private var bands: [String: Int] = [:]
    private var weightCount = 0
    private var ones: Int?
    private var onesCount = 0

    init(fused: [FusedOperation], shapes: [String: Shape], kernels: Kernels, onlyGemm: Bool) {
        self.fused = fused
        self.shapes = shapes
        self.kernels = kernels
        self.onlyGemm = onlyGemm
        for operation in fused {
            if case .convolution(let convolution, _, _, _, let sums) = operation.kind {
                let choice = AlgorithmChoice(convolutionShape(convolution, operation), kernels: kernels.table, onlyGemm: onlyGemm)
                choices[operation.name] = choice
                let height = shapes[operation.output]?.height ?? 1
                if sums { bands[operation.output] = height.dividedRoundingUp(by: choice.rows) }
            }
        }
    }

    /// Places every value and makes every step.
    mutating func addSteps(output: String) throws(ModelError) {
        reused = findReused()
        memory = MemoryPlan(lifetimes(output: output))
        for operation in fused { steps.append(try step(operation)) }
    }

    private func shape(_ value: String) throws(ModelError) -> Shape {
        guard let shape = shapes[value] else { throw .network("no operation makes the value '\(value)'") }
        return shape
    }

    private func convolutionShape(_ convolution: Convolution, _ operation: FusedOperation) -> excite_convolution {
        let input = shapes[operation.input] ?? Shape(channels: 0, height: 0, width: 0)
        let output = shapes[operation.name] ?? Shape(channels: 0, height: 0, width: 0)
        return excite_convolution(
            channels: Int32(input.channels), height: Int32(input.height), width: Int32(input.width), outputs: Int32(output.channels),
            output_height: Int32(output.height), output_width: Int32(output.width), kernel_height: Int32(convolution.kernel),
            kernel_width: Int32(convolution.kernel), stride: Int32(convolution.stride), padding: Int32(convolution.padding),
            groups: Int32(convolution.groups), planar_input: operation.input == Network.input)
    }

    /// A scale or an affine writes over its input if nobody reads that any more.
    private func findReused() -> [String: String] {
        var lastReader: [String: Int] = [:]
        for (index, operation) in fused.enumerated() {
            for value in operation.reads { lastReader[value] = index }
        }
        var reused: [String: String] = [:]
        for (index, operation) in fused.enumerated() where lastReader[operation.input] == index {
            switch operation.kind {
            case .scale, .affine: reused[operation.output] = reused[operation.input] ?? operation.input
            default: break
            }
        }
        return reused
    }

    private func lifetimes(output: String) -> [MemoryPlan.Value] {
        var values = [Network.input: MemoryPlan.Value(name: Network.input, count: shapes[Network.input]?.count ?? 0, first: 0, last: 0)]
        for (index, operation) in fused.enumerated() {
            for value in operation.writes where reused[value] == nil {
                let source = value == operation.output ? nil : operation.output
                let count = source.map { (bands[$0] ?? 1) * (shapes[$0]?.blocks ?? 0) * Shape.block } ?? count(operation, value)
                values[value] = MemoryPlan.Value(name: value, count: count, first: index, last: index)
            }
            for value in operation.reads { values[reused[value] ?? value]?.last = index }
        }
        values[reused[output] ?? output]?.last = fused.count
        return Array(values.values)
    }

    private func count(_ operation: FusedOperation, _ value: String) -> Int {
        switch operation.kind {
        case .linear(let linear, _, _): linear.outputs.roundedUp(toMultipleOf: Shape.block)
        case .channelSums, .channelMaxima, .mean: (shapes[operation.input]?.blocks ?? 0) * Shape.block
        default: shapes[value]?.blockedCount ?? 0
        }
    }

    private func offset(_ value: String) throws(ModelError) -> Int {
        guard let offset = memory.offsets[reused[value] ?? value] else {
            throw .network("no operation makes the value '\(value)' in a form that can be read")
        }
        return offset
    }

    private mutating func place(weight: Int, bias: Int) -> WeightPlace {
        let place = WeightPlace(weight: weightCount, bias: weightCount + weight.roundedUp(toMultipleOf: MemoryPlan.alignment))
        weightCount = place.bias + bias.roundedUp(toMultipleOf: Shape.block)
        return place
    }

    private mutating func step(_ operation: FusedOperation) throws(ModelError) -> any Step {
        let input = try offset(operation.reads[0])
        let output = try offset(operation.writes[0])
        switch operation.kind {
        case .convolution(let convolution, _, let residual, let activation, let sums):
            let shape = convolutionShape(convolution, operation)
            let choice = choices[operation.name] ?? AlgorithmChoice(shape, kernels: kernels.table, onlyGemm: onlyGemm)
            var step = ConvolutionStep(
                name: operation.name, shape: shape, algorithm: choice.algorithm, rows: choice.rows, blocks: choice.blocks, input: input,
                output: output, activation: activation, place: WeightPlace(weight: 0, bias: 0))
            if let residual { step.residual = try offset(residual) }
            if sums { step.sums = try offset(FusedOperation.sums(of: operation.output)) }
            step.place = place(weight: step.packedCount(kernels.table), bias: convolution.outputs)
            scratchCount = max(scratchCount, step.scratchCount(kernels.table).roundedUp(toMultipleOf: MemoryPlan.alignment))
            return step
        case .pooling(let pooling):
            let (from, to) = (try shape(operation.input), try shape(operation.output))
            let shape = excite_pooling(
                channels: Int32(from.channels), height: Int32(from.height), width: Int32(from.width), output_height: Int32(to.height),
                output_width: Int32(to.width), kernel: Int32(pooling.kernel), stride: Int32(pooling.stride),
                padding: Int32(pooling.padding), average: pooling.operator == .average, counts_padding: pooling.countsPadding)
            return PoolingStep(name: operation.name, shape: shape, input: input, output: output)
        case .blurPooling(let blurring):
            let (from, to) = (try shape(operation.input), try shape(operation.output))
            let shape = excite_blurring(
                channels: Int32(from.channels), height: Int32(from.height), width: Int32(from.width), output_height: Int32(to.height),
                output_width: Int32(to.width), stride: Int32(blurring.stride), reflects: blurring.padding == .reflect)
            return BlurPoolingStep(name: operation.name, shape: shape, input: input, output: output)
        case .channelSums, .channelMaxima:
            return ChannelSumsStep(
                name: operation.name, shape: try shape(operation.input), input: input, output: output,
                takesMaximum: operation.kind == .channelMaxima)
        case .mean:
            let from = try shape(operation.input)
            return MeanStep(
                name: operation.name, channels: from.channels, bands: bands[operation.input] ?? 1, scale: 1 / Float(from.pixels),
                input: input, output: output)
        case .affine(let norm, let activation):
            let shape = try shape(operation.output)
            var step = AffineStep(name: operation.name, shape: shape, input: input, output: output, activation: activation)
            if norm != nil { step.place = place(weight: shape.channels, bias: shape.channels) }
            return step
        case .concatenation(let values):
            let inputs = try values.map { (value) throws(ModelError) in (try offset(value), try shape(value).channels) }
            return ConcatenationStep(name: operation.name, inputs: inputs, shape: try shape(operation.output), output: output)
        case .linear(let linear, let ofMean, let activation):
            var step = LinearStep(
                name: operation.name, linear: linear, input: input, output: output, activation: activation,
                place: WeightPlace(weight: 0, bias: 0))
            if ofMean { step.mean = (bands[operation.input] ?? 1, 1 / Float(try shape(operation.input).pixels)) }
            step.place = place(weight: step.packedCount, bias: linear.outputs)
            scratchCount = max(scratchCount, step.scratchCount)
            return step
        case .scale(let gate, let shortcut, let activation):
            let shape = try shape(operation.input)
            var step = ScaleStep(name: operation.name, shape: shape, input: input, gate: .ones(0), activation: activation, output: output)
            if let gate { step.gate = .value(try offset(gate)) } else { step.gate = .ones(placeOnes(shape.blocks * Shape.block)) }
            if let shortcut { step.shortcut = try offset(shortcut) }
            return step
        }
    }

    /// Every value that something is scaled with, in the order in which they are computed.
    var gates: [GatePlace] {
        let scaledWith = Set(fused.compactMap { if case .scale(let gate?, _, _) = $0.kind { gate } else { nil } })
        return fused.enumerated().compactMap { step, operation in
            let place = reused[operation.output] ?? operation.output
            guard scaledWith.contains(operation.output), let offset = memory.offsets[place] else { return nil }
            return GatePlace(name: operation.output, channels: shapes[operation.output]?.channels ?? 0, step: step, offset: offset)
        }
    }

    /// A run of ones among the weights, for a scale without a gate.
    private mutating func placeOnes(_ count: Int) -> Int {
        if let ones, onesCount >= count { return ones }
        let offset = place(weight: count, bias: 0).weight
        (ones, onesCount) = (offset, count)
        onesPlaces.append((offset, count))
        return offset
    }
    private var onesPlaces: [(offset: Int, count: Int)] = []
}

extension PlanBuilder {
    /// Folds and packs every layer's weights; the layers are shared among `threads` threads.
    func pack(network: Network, checkpoint: Checkpoint, threads: Int) throws(ModelError) -> AlignedMemory {
        let memory = try AlignedMemory(count: weightCount)
        for (offset, count) in onesPlaces { (memory.floats + offset).update(repeating: 1, count: count) }
        let operations = Dictionary(network.operations.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let failure = Mutex<ModelError?>(nil)
        let team = try ThreadTeam(count: threads)
        team.perform { _ in
            while case let index = team.takeTicket(), index < fused.count {
                do throws(ModelError) {
                    try pack(fused[index], steps[index], operations, checkpoint, to: memory.floats)
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        return memory
    }

    private func pack(
        _ operation: FusedOperation, _ step: any Step, _ operations: [String: Operation], _ checkpoint: Checkpoint,
        to weights: UnsafeMutablePointer<Float>
    ) throws(ModelError) {
        switch (operation.kind, step) {
        case (.convolution(_, let norm, _, _, _), let step as ConvolutionStep):
            guard let source = operations[operation.name] else { return }
            let folded = try checkpoint.folded(source, norm: norm.flatMap { operations[$0] })
            step.pack(weight: folded.weight, bias: folded.bias, to: weights, kernels.table)
        case (.linear(let linear, _, _), let step as LinearStep):
            // Named by the layer, a gate's too: its tensors have two more dimensions of size 1, which change nothing here.
            let weight = Parameter(name: "\(operation.name).weight", shape: [linear.outputs, linear.inputs])
            let bias = Parameter(name: "\(operation.name).bias", shape: [linear.outputs])
            step.pack(weight: try checkpoint.floats(weight), bias: try checkpoint.floats(bias), to: weights)
        case (.affine(.some(let norm), _), let step as AffineStep):
            guard let source = operations[norm] else { return }
            let (factor, shift) = try checkpoint.affine(source)
            step.pack(factor: factor, shift: shift, to: weights)
        default: break
        }
    }
}
