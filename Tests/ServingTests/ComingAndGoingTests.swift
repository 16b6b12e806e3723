import Foundation
import Testing
import Threads

@testable import SENet
@testable import Serving

@Suite("Models that come and go")
struct ComingAndGoingTests {
    /// Linux with vm.overcommit_memory = 1.
    private static let promisesAnyMemory =
        (try? String(contentsOfFile: "/proc/sys/vm/overcommit_memory", encoding: .utf8))?.hasPrefix("1") ?? true

    private func bits(_ pool: EnginePool, _ model: Model) throws -> [UInt32]? {
        pool.infer(InferenceRequest(image: try TestImages.jpeg("cat"), model: model)).bits
    }

    @Test("a model added later is served like the first, in every lane", arguments: [1, 2, 17])
    func added(threads: Int) throws {
        let (first, later) = (try TinyModel().load(), try TinyModel(tag: "later", classes: 7).load())
        let metrics = Metrics()
        let pool = try EnginePool(models: [first], options: .init(threads: threads), metrics: metrics)
        defer { pool.close() }
        let other = try EnginePool(models: [later], options: .init(threads: 1))
        defer { other.close() }
        #expect(pool.infer(InferenceRequest(image: try TestImages.jpeg(), model: later)).error == .unavailable)
        #expect(pool.refuse(InferenceRequest(inputs: [], model: later)) == .unavailable)
        try pool.add(later)
        #expect(pool.models == [first, later])
        #expect(try bits(pool, later) == bits(other, later))
        let exposition = try Exposition(metrics.render())
        #expect(try #require(exposition.value("excite_capacity", ["model": later.name])) > 0)
        #expect(exposition.value("excite_batch_size_count", ["model": later.name]) == 1)
        #expect(exposition.value("excite_queue_depth", ["model": later.name]) == 0)
    }

    @Test("a model that goes answers what it has accepted, refuses the rest, and is let go; the others go on")
    func removed() throws {
        let stays = try TinyModel().load()
        let pool: EnginePool
        weak var released: Model?
        do {
            let goes = try TinyModel(tag: "goes", classes: 7).load()
            released = goes
            var options = EnginePool.Options(threads: 2)
            options.queue = 100
            pool = try EnginePool(models: [goes, stays], options: options)
            let (gate, answers, gone) = (Gate(), Answers(), Gate())
            let held = InferenceRequest(image: HeldImage(bytes: try TestImages.jpeg(), gate: gate), model: goes)
            for index in 0..<5 { pool.submit(held, to: answers, index) }
            Thread.detachNewThread {
                pool.remove(goes)
                gone.open()
            }
            #expect(eventually { pool.models == [stays] })
            #expect(pool.infer(InferenceRequest(image: try TestImages.jpeg(), model: goes)).error == .unavailable)
            #expect(answers.all.isEmpty)
            gate.open()
            gone.pass()
            #expect(answers.all.count == 5)
            #expect(answers.sorted(5).allSatisfy { $0.error == nil })
            #expect(pool.infer(InferenceRequest(image: try TestImages.jpeg(), model: goes)).error == .unavailable)
            pool.remove(goes)
        }
        defer { pool.close() }
        #expect(try bits(pool, stays) != nil)
        #expect(eventually { released == nil }, "nobody holds its weights")
    }

    @Test("a batch of a model that goes does not wait to become fuller")
    func removedWhileFilling() throws {
        let model = try TinyModel().load()
        var options = EnginePool.Options(threads: 1)
        options.maxDelay = .seconds(3600)
        let pool = try EnginePool(models: [model], options: options)
        defer { pool.close() }
        let answers = Answers()
        pool.submit(InferenceRequest(image: try TestImages.jpeg(), model: model), to: answers, 0)
        #expect(eventually { pool.isGathered })
        pool.remove(model)
        #expect(answers.all.map(\.answer.error) == [nil])
        #expect(pool.models.isEmpty)
    }

    @Test("models of one name and other labels take each other's place under load: each answer is that of the model that was asked")
    func replaced() throws {
        let versions = try (0..<2).map { try TinyModel(classes: 5 + $0).load() }
        var options = EnginePool.Options(threads: 2)
        options.queue = 1000
        let pool = try EnginePool(models: [versions[0]], options: options)
        let expected = try versions.map { version in
            let pool = try EnginePool(models: [version], options: .init(threads: 1))
            defer { pool.close() }
            return try #require(try bits(pool, version))
        }
        let (isOver, ended, served) = (Monitor(false), Gate(), Monitor<[Int]>([0, 0]))
        let image = try TestImages.jpeg("cat")
        Thread.detachNewThread {
            while !isOver.withLock({ $0 }) {
                guard let model = pool.models.last, let version = versions.firstIndex(of: model) else {
                    Issue.record("no model is served")
                    break
                }
                let answer = pool.infer(InferenceRequest(image: image, model: model))
                // It may have gone since it was looked up.
                if answer.error == .unavailable { continue }
                #expect(answer.bits == expected[version])
                served.withLock { $0[version] += 1 }
            }
            ended.open()
        }
        for turn in 0..<20 {
            let (old, new) = (versions[turn % 2], versions[1 - turn % 2])
            try pool.add(new)
            pool.remove(old)
            let count = served.withLock { $0[1 - turn % 2] }
            #expect(eventually { served.withLock { $0[1 - turn % 2] } > count })
        }
        isOver.withLock { $0 = true }
        ended.pass()
        pool.close()
    }

    @Test(
        "a model for which there is no memory is not served, and the others go on",
        .enabled(if: !Self.promisesAnyMemory, "the system promises memory that it does not have"))
    func noMemory() throws {
        func model(_ tag: String, edge: Int) throws -> Model {
            try TinyModel(tag: tag) {
                $0.change("pretrained_cfg", "input_size", to: [3, edge, edge])
                $0.change("pretrained_cfg", "crop_pct", to: 1)
            }.load()
        }
        let (model, large) = (try model("small", edge: 32), try model("large", edge: 4096))
        var options = EnginePool.Options(threads: 1)
        // Some gigabytes for the small one, which are reserved only; tens of terabytes for the large one.
        options.largestBatch = 1 << 16
        let pool = try EnginePool(models: [model], options: options)
        defer { pool.close() }
        #expect(throws: ModelError.self) { try pool.add(large) }
        #expect(pool.models == [model])
        #expect(try bits(pool, model) != nil)
    }

    @Test("a model that has gone can come again")
    func again() throws {
        let model = try TinyModel().load()
        let pool = try EnginePool(models: [model], options: .init(threads: 2))
        defer { pool.close() }
        let before = try bits(pool, model)
        for _ in 0..<3 {
            pool.remove(model)
            #expect(try bits(pool, model) == nil)
            try pool.add(model)
            #expect(try bits(pool, model) == before)
        }
    }

    @Test("a closed pool takes no more models")
    func closed() throws {
        let model = try TinyModel().load()
        let pool = try EnginePool(models: [model], options: .init(threads: 1))
        pool.close()
        #expect(throws: ModelError.self) { try pool.add(try TinyModel(tag: "later").load()) }
        pool.remove(model)
        #expect(pool.models.isEmpty)
    }

    @Test("the sessions of a lane share their memory: it is the largest model's")
    func sharedMemory() throws {
        let workspace = try Workspace(threads: 1)
        let (small, large) = (try TinyModel().load(), try TinyModel { $0.change("pretrained_cfg", "input_size", to: [3, 96, 96]) }.load())
        _ = try Session(plan: large.plan, workspace: workspace, largestBatch: 2)
        let before = workspace.arenaBytes
        let session = try Session(plan: small.plan, workspace: workspace, largestBatch: 2)
        #expect(workspace.arenaBytes == before)
        #expect(before >= large.plan.arenaBytes(threads: 1, largestBatch: 2))
        withExtendedLifetime(session) {}
    }
}
