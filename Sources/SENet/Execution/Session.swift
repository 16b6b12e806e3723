/// Runs a plan in a workspace. Belongs to one thread at a time, with all other sessions of the workspace; any number of sessions share a plan.
public final class Session {
    public let plan: Plan
    /// How many threads compute, the caller of `run` among them.
    public var threads: Int { workspace.threads }
    /// The most images that one run takes.
    public let largestBatch: Int

    private let workspace: Workspace
    private var team: ThreadTeam { workspace.team }
    /// Images of the run in progress.
    private var images = 0
    /// Called by one thread with the index of each step, and the images that it was done for, when all threads are done with it.
    private var finished: ((Int, Range<Int>) -> Void)?
    /// What each thread does in a run; made once, because a closure made anew is an allocation.
    private lazy var computation: (Int) -> Void = { [unowned self] thread in compute(thread) }

    /// Makes a workspace of its own.
    ///
    /// - Throws: `ModelError.engine` if memory or threads cannot be had.
    public convenience init(plan: Plan, threads: Int, largestBatch: Int) throws(ModelError) {
        try self.init(plan: plan, workspace: Workspace(threads: threads), largestBatch: largestBatch)
    }

    /// - Parameters:
    ///   - workspace: may be other sessions', too: none of them is to run now, and what they have computed is lost.
    ///   - largestBatch: what there is to be memory for.
    /// - Throws: `ModelError.engine` if memory cannot be had.
    public init(plan: Plan, workspace: Workspace, largestBatch: Int) throws(ModelError) {
        self.plan = plan
        self.workspace = workspace
        self.largestBatch = max(1, largestBatch)
        try workspace.reserve(byteCount: plan.arenaBytes(threads: workspace.threads, largestBatch: self.largestBatch))
    }

    /// Where image `index` of the next batch is to be written: (channels, height, width), row-major, to be filled anew for each run.
    public func input(_ index: Int) -> UnsafeMutableBufferPointer<Float> {
        precondition(index < largestBatch)
        return UnsafeMutableBufferPointer(start: floats(plan.input, of: index), count: plan.inputShape.count)
    }

    /// The logits of image `index` of the last batch, one a class. Valid until the next input is written, to this or another session of the
    /// workspace.
    public func logits(_ index: Int) -> UnsafeBufferPointer<Float> {
        precondition(index < largestBatch)
        return UnsafeBufferPointer(start: floats(plan.output, of: index), count: plan.classes)
    }

    /// The features of image `index` of the last batch, `plan.featureCount` of them, as the classifier read them: a mean is taken anew, by the
    /// thread that asks. Valid until the next input is written or features are asked for, in this or another session of the workspace. Nil where
    /// the plan has none.
    public func features(_ index: Int) -> UnsafeBufferPointer<Float>? {
        precondition(index < largestBatch)
        guard let classifier = plan.classifier else { return nil }
        let vector = plan.memory.offsets.withUnsafeBufferPointer { offsets in
            classifier.vector(in: frame(step: plan.steps.count - 1, image: index, offsets, thread: 0))
        }
        return UnsafeBufferPointer(start: vector, count: classifier.inputs)
    }

    /// Where in image `index` of the last batch the class `output`, its place among the logits, is seen: computed by the thread that asks, from
    /// what the run has left. Valid to ask for until the next input is written, to this or another session of the workspace. Nil where the plan
    /// has no class maps.
    public func classMap(_ index: Int, of output: Int) -> ClassMap? {
        precondition(index < largestBatch && (0..<plan.classes).contains(output))
        guard let classifier = plan.classifier, let (id, value) = plan.classifiedImage else { return nil }
        let numbers = plan.memory.offsets.withUnsafeBufferPointer { offsets in
            classifier.numbers(of: output, in: frame(step: plan.steps.count - 1, image: index, offsets, thread: 0))
        }
        let bytes = UnsafeRawPointer(image(index) + plan.memory.offsets[id.index])
        return ClassMap(output, of: value, at: bytes, weights: numbers.weights, bias: numbers.bias)
    }

    /// Calls `body` for each of the first `images` images with its index and its input, on all threads of the team.
    public func fill(images: Int, _ body: (Int, UnsafeMutableBufferPointer<Float>) -> Void) {
        team.perform { thread in
            while let index = team.takeTicket(of: images, thread: thread) { body(index, input(index)) }
        }
    }

    private func image(_ index: Int) -> UnsafeMutableRawPointer {
        workspace.arena + threads * plan.scratchBytes + index * plan.memory.byteCount
    }

    private func floats(_ value: ValueID, of index: Int) -> UnsafeMutablePointer<Float> {
        (image(index) + plan.memory.offsets[value.index]).assumingMemoryBound(to: Float.self)
    }

    /// Computes the logits of the first `images` images. Allocates nothing.
    public func run(images: Int) {
        precondition((1...largestBatch).contains(images))
        self.images = images
        team.performKept(computation)
    }

    /// Runs, and says how long each of the plan's steps took.
    public func profile(images: Int) -> [Duration] {
        var times = [Duration](repeating: .zero, count: plan.steps.count)
        var last = ContinuousClock.now
        finished = { step, _ in
            let now = ContinuousClock.now
            times[step] += now - last
            last = now
        }
        run(images: images)
        finished = nil
        return times
    }

    /// Runs, and hands out what the gates of the squeeze-and-excitation blocks are: their memory is used again afterwards.
    ///
    /// - Parameter gate: called for each gate and image, with the gate's index in `plan.gates`, the image's, and the gate's values, one a
    ///   channel, which are valid during the call.
    public func run(images: Int, gate: (_ gate: Int, _ image: Int, _ values: UnsafeBufferPointer<Float>) -> Void) {
        withoutActuallyEscaping(gate) { gate in
            finished = { [plan, unowned self] step, images in
                for (index, place) in plan.gates.enumerated() where place.step == step {
                    for image in images {
                        gate(index, image, UnsafeBufferPointer(start: floats(place.value, of: image), count: place.channels))
                    }
                }
            }
            run(images: images)
            finished = nil
        }
    }

    /// Runs, and hands out each image that a step has made: its memory is used again afterwards.
    ///
    /// - Parameter observe: called for each of `plan.images` and each image of the batch, in the batch's order for each of them.
    func run(images: Int, observe: (ObservedValue) -> Void) {
        withoutActuallyEscaping(observe) { observe in
            finished = { [plan, unowned self] step, images in
                for (index, place) in plan.images.enumerated() where place.step == step {
                    for image in images {
                        let bytes = UnsafeRawPointer(self.image(image) + plan.memory.offsets[place.value.index])
                        observe(ObservedValue(index: index, value: place.description, bytes: bytes))
                    }
                }
            }
            run(images: images)
            finished = nil
        }
    }

    /// The first steps, whose values are large, take as many images at a time as there are threads, so that the values stay in the cache;
    /// the others, whose weights are large, take the whole batch.
    private func compute(_ thread: Int) {
        for first in stride(from: 0, to: images, by: threads) {
            compute(0..<plan.firstWeightBoundStep, first..<min(first + threads, images), thread)
        }
        compute(plan.firstWeightBoundStep..<plan.steps.count, 0..<images, thread)
    }

    private func compute(_ steps: Range<Int>, _ images: Range<Int>, _ thread: Int) {
        for index in steps {
            execute(index, images, thread: thread)
            team.barrier()
            guard let finished else { continue }
            // The next step may overwrite what this one made: nobody begins it before it has been looked at.
            if thread == 0 { finished(index, images) }
            team.barrier()
        }
    }

    private func execute(_ index: Int, _ images: Range<Int>, thread: Int) {
        let step = plan.steps[index]
        let (items, count) = (step.items, images.count)
        plan.memory.offsets.withUnsafeBufferPointer { offsets in
            while let ticket = team.takeTicket(of: items * count, thread: thread) {
                let (item, image) = step.isWeightBound ? (ticket / count, ticket % count) : (ticket % items, ticket / items)
                step.run(item, in: frame(step: index, image: images.lowerBound + image, offsets, thread: thread))
            }
        }
    }

    /// Where a step finds an image's data, run by a thread of the team.
    private func frame(step index: Int, image: Int, _ offsets: UnsafeBufferPointer<Int>, thread: Int) -> Frame {
        Frame(
            image: self.image(image), offsets: offsets,
            weights: UnsafeRawPointer(plan.weights.memory.start + plan.weights.offsets[index]),
            scratch: workspace.arena + thread * plan.scratchBytes, kernels: plan.kernels.table)
    }
}
