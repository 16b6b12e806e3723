import Imaging
import Testing

@testable import SENet
@testable import Serving

@Suite("Tensors beside images")
struct TensorTests {
    private let model: Model

    init() throws { model = try TinyModel().load() }

    private func tensor(_ name: String, _ model: Model) throws -> [Float] {
        let crop = try TestImages.jpeg(name).withBytes { try ImageDecoder().crop($0, for: model.preprocessing) }
        return [Float](unsafeUninitializedCapacity: model.plan.inputShape.count) { values, count in
            model.preprocessing.normalize(crop.image, into: values)
            count = values.count
        }
    }

    @Test("a tensor has the answer of the image that it was made of, bit for bit, and no description")
    func same() throws {
        let pool = try EnginePool(models: [model], options: .init(threads: 2))
        defer { pool.close() }
        for name in TestImages.names {
            let image = pool.infer(InferenceRequest(image: try TestImages.jpeg(name), model: model))
            let answer = pool.infer(InferenceRequest(inputs: [.tensor(try tensor(name, model))], model: model))
            #expect(answer.bits == image.bits)
            #expect(try answer.get().image == nil)
            #expect(try answer.get().decode == .zero)
        }
    }

    @Test("images and tensors of one request run in one batch")
    func mixed() throws {
        let held = try HeldPool([model])
        let answers = Answers()
        let request = InferenceRequest(
            inputs: [.image(try TestImages.jpeg("cat")), .tensor(try tensor("gray", model)), .image(try TestImages.jpeg("cat"))],
            model: model)
        held.pool.submit(request) { answers.add($0) }
        held.decodeAll()
        _ = held.finish()
        let found = answers.sorted(3)
        #expect(try found.map { try $0.get().batchSize } == [3, 3, 3])
        #expect(found[0].bits == found[2].bits)
        #expect(found[1].bits == held.pool.infer(InferenceRequest(image: try TestImages.jpeg("gray"), model: model)).bits)
    }

    @Test("a tensor that is none gets an error of its own, counted, and its neighbours do not notice")
    func refused() throws {
        let metrics = Metrics()
        let pool = try EnginePool(models: [model], options: .init(threads: 1), metrics: metrics)
        defer { pool.close() }
        let good = try tensor("cat", model)
        var (notANumber, infinite) = (good, good)
        notANumber[good.count - 1] = .nan
        infinite[0] = -.infinity
        let inputs: [InferenceRequest.Input] = [[], Array(good.dropLast()), good + [0], notANumber, infinite, good].map { .tensor($0) }
        let answers = Answers()
        pool.submit(InferenceRequest(inputs: inputs, model: model)) { answers.add($0) }
        let found = answers.sorted(inputs.count)
        for answer in found.dropLast() {
            guard case .tensor(let reason) = answer.error else {
                Issue.record("no error of the tensor, but \(answer)")
                continue
            }
            #expect(reason.contains("12288") || reason.contains("finite"))
        }
        #expect(found.last?.bits == pool.infer(InferenceRequest(image: try TestImages.jpeg("cat"), model: model)).bits)
        #expect(try Exposition(metrics.render()).value("excite_rejected_total", ["reason": "bad_tensor"]) == 5)
    }

    @Test("values so large that they overflow are an error, and leave nothing behind for the images that follow", arguments: [1, 5])
    func overflow(others: Int) throws {
        // Channels that do not fill their blocks: what lies in the rest of a block must not matter.
        let odd = try TinyModel(channels: [20, 36, 44, 52]).load()
        var options = EnginePool.Options(threads: 1)
        options.largestBatch = others
        let pool = try EnginePool(models: [odd, model], options: options)
        defer { pool.close() }
        func bits(_ model: Model) throws -> [[UInt32]?] {
            try TestImages.names.map { pool.infer(InferenceRequest(image: try TestImages.jpeg($0), model: model)).bits }
        }
        let before = (try bits(odd), try bits(model))
        for served in [odd, model] {
            for value: Float in [3e38, -3e38, 1e30] {
                let huge = [InferenceRequest.Input](
                    repeating: .tensor([Float](repeating: value, count: served.plan.inputShape.count)), count: others)
                let answers = Answers()
                pool.submit(InferenceRequest(inputs: huge, model: served)) { answers.add($0) }
                for answer in answers.sorted(others) where answer.error != nil {
                    guard case .tensor = answer.error else {
                        Issue.record("another error: \(answer)")
                        continue
                    }
                }
                #expect(try bits(odd) == before.0)
                #expect(try bits(model) == before.1)
            }
        }
    }
}
