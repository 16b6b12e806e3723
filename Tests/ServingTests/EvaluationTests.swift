import Foundation
import Testing

@testable import SENet
@testable import Serving

@Suite("An evaluation")
struct EvaluationTests {
    @Test("counts first and first five, in all and by class")
    func counts() {
        var evaluation = Evaluation()
        evaluation.add(target: 3, predictions: [3, 1, 2, 4, 5])
        evaluation.add(target: 3, predictions: [1, 3, 2, 4, 5])
        evaluation.add(target: 3, predictions: [1, 2, 4, 5, 6])
        evaluation.add(target: 7, predictions: [7, 1])
        evaluation.add(target: 8, predictions: [1, 2, 3, 4, 5, 8])
        #expect(evaluation.total == Evaluation.Tally(images: 5, top1Errors: 3, top5Errors: 2))
        #expect(evaluation.classes[3] == Evaluation.Tally(images: 3, top1Errors: 2, top5Errors: 1))
        #expect(evaluation.worstClasses(9).map(\.target) == [8, 3, 7])
        #expect(evaluation.worstClasses(1).map(\.target) == [8])
        let confusions = evaluation.confusions(9)
        #expect(confusions.map(\.confusion) == [.init(target: 3, predicted: 1), .init(target: 8, predicted: 1)])
        #expect(confusions.map(\.images) == [2, 1])
    }

    @Test(
        "has Wilson's interval: the true shares from which what was seen is 1.96 standard errors away",
        arguments: [(5, 10), (38, 64), (1, 3), (10_000, 50_000), (49_999, 50_000)])
    func interval(errors: Int, images: Int) {
        let interval = Evaluation.confidenceInterval(errors: errors, of: images)
        let seen = Double(errors) / Double(images)
        for (share, sign) in [(interval.lowerBound, 1.0), (interval.upperBound, -1.0)] {
            let standardError = (share * (1 - share) / Double(images)).squareRoot()
            #expect(abs((seen - share) / standardError - sign * 1.959964) < 1e-6)
        }
    }

    @Test("stays within 0 and 1 where nothing or everything is wrong")
    func extremes() {
        let none = Evaluation.confidenceInterval(errors: 0, of: 10)
        #expect(none.lowerBound == 0 && abs(none.upperBound - 0.277533) < 1e-6)
        let all = Evaluation.confidenceInterval(errors: 10, of: 10)
        #expect(all.upperBound == 1 && abs(all.lowerBound - 0.722467) < 1e-6)
    }

    @Test("of nothing knows nothing")
    func nothing() { #expect(Evaluation.confidenceInterval(errors: 0, of: 0) == 0...1) }

    @Test("of many images gives the answers in order, each image's own, and passes errors on", arguments: [1, 3])
    func all(batch: Int) throws {
        let model = try TinyModel().load()
        var options = EnginePool.Options(threads: 2)
        (options.largestBatch, options.queue) = (batch, 5)
        let pool = try EnginePool(models: [model], options: options)
        defer { pool.close() }
        let images = try (0..<30).map { $0 % 7 == 3 ? Array("hello".utf8) : try TestImages.jpeg(TestImages.names[$0 % 5]) }
        var next = images.makeIterator()
        var found: [[UInt32]?] = []
        pool.infer(
            all: { next.next().map { InferenceRequest(image: $0, model: model) } },
            answer: { index, result in
                #expect(index == found.count)
                found.append(result.bits)
            })
        #expect(found.count == images.count)
        for (image, answer) in zip(images, found) {
            #expect(pool.infer(InferenceRequest(image: image, model: model)).bits == answer)
        }
    }
}

@Suite("Labelled images")
struct LabelledImagesTests {
    private let folder: TemporaryFolder
    private let labels: Labels

    init() throws {
        folder = try TemporaryFolder()
        let json = """
            {"architecture": "seresnet18", "num_classes": 3, "label_names": ["n01", "n02", "n03"]}
            """
        labels = Labels(try Configuration(json: Data(json.utf8)))
    }

    private var root: String { folder.url.path }
    private func paths(_ images: LabelledImages) -> [String] { images.items.map { String($0.path.dropFirst(root.count + 1)) } }

    @Test("are in folders named like classes; others are left out and counted")
    func folders() throws {
        for name in ["n02/b.JPEG", "n02/a.jpg", "n02/deep/c.png", "n02/notes.txt", "n02/.a.jpg", "n03/x.webp", "n09/y.jpg", "n09/z.jpg"] {
            try folder.write("", to: name)
        }
        let images = try LabelledImages(folder: root, labels: labels)
        #expect(paths(images) == ["n02/a.jpg", "n02/b.JPEG", "n02/deep/c.png", "n03/x.webp"])
        #expect(images.items.map(\.target) == [1, 1, 1, 2])
        #expect(images.leftOut == ["n09": 2])
        #expect(!images.isNumberedBySorting)
    }

    @Test("are in folders named by index, or as many as classes by any name")
    func otherNames() throws {
        for name in ["2/a.jpg", "0/a.jpg"] { try folder.write("", to: name) }
        #expect(try LabelledImages(folder: root, labels: labels).items.map(\.target) == [0, 2])
        let other = try TemporaryFolder()
        for name in ["dog/a.jpg", "cat/a.jpg", "eel/a.jpg"] { try other.write("", to: name) }
        let images = try LabelledImages(folder: other.url.path, labels: labels)
        #expect(images.items.map { URL(filePath: $0.path).deletingLastPathComponent().lastPathComponent } == ["cat", "dog", "eel"])
        #expect(images.items.map(\.target) == [0, 1, 2])
        #expect(images.isNumberedBySorting)
    }

    @Test("are listed in a file by name or index, beside it or under another root")
    func list() throws {
        try folder.write("# comment\n\na b.jpg 1\r\n  x/c.jpg\tn03\n/d.jpg n01\ne.jpg n99\n", to: "val.txt")
        let beside = try LabelledImages(list: folder.path("val.txt"), labels: labels)
        #expect(beside.items.map(\.target) == [1, 2, 0])
        #expect(beside.items.map(\.path) == ["\(root)/a b.jpg", "\(root)/x/c.jpg", "/d.jpg"])
        #expect(beside.leftOut == ["n99": 1])
        let elsewhere = try LabelledImages(list: folder.path("val.txt"), root: "/images", labels: labels)
        #expect(elsewhere.items.map(\.path) == ["/images/a b.jpg", "/images/x/c.jpg", "/d.jpg"])
    }

    @Test("say what is wrong where there are none")
    func errors() throws {
        func message(_ body: () throws -> LabelledImages) -> String {
            do { return "\(try body().items.count) images" } catch { return "\(error)" }
        }
        #expect(message { try LabelledImages(folder: "/no/such", labels: labels) }.contains("/no/such: cannot be read"))
        #expect(message { try LabelledImages(folder: root, labels: labels) }.contains("no folders in it"))
        try folder.write("", to: "n99/a.jpg")
        #expect(
            message { try LabelledImages(folder: root, labels: labels) }.contains(
                "the first class here is 'n99', the model's first is 'n01'"))
        try folder.write("a.jpg\n", to: "bad.txt")
        #expect(
            message { try LabelledImages(list: folder.path("bad.txt"), labels: labels) }.contains("line 1 is no path and class: 'a.jpg'"))
        #expect(message { try LabelledImages(list: folder.path("no.txt"), labels: labels) }.contains("no.txt: cannot be read"))
    }
}
