import Foundation
import Testing

@testable import excite

@Suite("excite gates")
struct GatesCommandTests {
    private let folder: TemporaryFolder
    private let tiny: TinyModel

    init() throws {
        folder = try TemporaryFolder()
        tiny = try TinyModel()
        for (name, image) in [("0/a.jpg", "cat"), ("0/b.jpg", "yuv420"), ("x & <y>/a.jpg", "gray")] {
            try folder.write(Data(try TestImages.jpeg(image)), to: "classes/\(name)")
        }
    }

    private func gates(_ arguments: [String]) throws -> Program {
        try Program(["gates", "--threads", "2"] + arguments, models: [tiny])
    }

    private func json(_ arguments: [String]) throws -> [String: Any] {
        let program = try gates(arguments + ["--format", "json"])
        #expect(try program.exitStatus() == 0, "\(program.errors)")
        return try #require(try JSONSerialization.jsonObject(with: Data(program.output.utf8)) as? [String: Any])
    }

    /// By block, group and channel.
    private func values(_ report: [String: Any], _ key: String) throws -> [[[Double]]] {
        let blocks = try #require(report["blocks"] as? [[String: Any]])
        return try blocks.map { block in
            let groups = try #require(block["groups"] as? [[String: Any]])
            return try groups.map { group in try #require(group[key] as? [Double]) }
        }
    }

    @Test("gives mean and deviation of each channel by class, as JSON")
    func classes() throws {
        let report = try json([folder.path("classes")])
        let groups = try #require(report["groups"] as? [[String: Any]])
        #expect(groups.map { $0["name"] as? String } == ["0", "x & <y>"])
        #expect(groups.map { $0["images"] as? Int } == [2, 1])
        let (means, deviations) = (try values(report, "mean"), try values(report, "deviation"))
        #expect(means.map { $0[0].count } == [16, 32, 48, 64])
        #expect(deviations.allSatisfy { $0[1].allSatisfy { $0 == 0 } }, "one image does not deviate")
        let alone = try values(json([folder.path("classes/0/a.jpg"), folder.path("classes/0/b.jpg")]), "mean")
        for block in means.indices {
            for channel in means[block][0].indices {
                let (a, b) = (alone[block][0][channel], alone[block][1][channel])
                #expect(abs(means[block][0][channel] - (a + b) / 2) < 2e-7)
                #expect(abs(deviations[block][0][channel] - abs(a - b) / 2) < 2e-7)
            }
        }
    }

    @Test("writes CSV, a line a block, group and channel")
    func csv() throws {
        let program = try gates([folder.path("classes"), "--format", "csv", "-o", folder.path("gates.csv")])
        #expect(try program.exitStatus() == 0)
        #expect(program.output.isEmpty)
        let lines = try String(contentsOfFile: folder.path("gates.csv"), encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 1 + 2 * (16 + 32 + 48 + 64))
        #expect(lines[0] == "block,group,images,channel,mean,deviation")
        #expect(lines[1].hasPrefix("layer1.0.se,0,2,0,0."))
        #expect(lines.allSatisfy { $0.split(separator: ",").count == 6 })
    }

    @Test("draws a panel a block, with well-formed SVG whatever the classes are called", arguments: ["some", "all"])
    func svg(blocks: String) throws {
        let program = try gates([folder.path("classes"), "--format", "svg", "--blocks", blocks])
        #expect(try program.exitStatus() == 0)
        let text = program.output
        #expect(text.hasPrefix("<svg xmlns="))
        #expect(text.contains("x &amp; &lt;y&gt;"))
        for block in ["layer1.0.se, 16 channels", "layer4.0.se, 64 channels"] { #expect(text.contains(block)) }
        let parser = XMLChecker(text)
        #expect(parser.isWellFormed)
        // Two groups and all, in four panels.
        #expect(parser.lines == 3 * 4)
    }

    @Test("shows one image's gates as a table")
    func text() throws {
        let program = try gates([folder.path("classes/0/a.jpg")])
        #expect(try program.exitStatus() == 0)
        #expect(program.output.hasPrefix("seresnet18.tiny: gates for a.jpg\n"))
        #expect(program.output.firstMatch(of: #/layer3\.0\.se +48 +0\.\d{3} /#) != nil)
        #expect(!program.output.contains("between groups"))
    }

    @Test("says what cannot be done")
    func errors() throws {
        try folder.write("hello", to: "classes/0/c.jpg")
        let broken = try gates([folder.path("classes")])
        #expect(try broken.exitStatus() == 1)
        #expect(broken.output.contains("layer1.0.se"))
        #expect(broken.errors.contains("c.jpg: "))
        let missing = try gates(["no/such.jpg"])
        #expect(try missing.exitStatus() == 1)
        #expect(missing.errors.contains("no/such.jpg: cannot be read"))
        try folder.write("", to: "empty/readme")
        let empty = try gates([folder.path("empty")])
        #expect(try empty.exitStatus() == 1)
        #expect(empty.errors.contains("no images there"))
    }
}

/// Counts the elements of a document without a library: every tag is closed, in order.
private struct XMLChecker {
    var isWellFormed = false
    /// Lines of groups: paths that are neither filled nor ticks.
    var lines = 0

    init(_ text: String) {
        var open: [Substring] = []
        for match in text.matches(of: /<(\/?)([a-z]+)((?:\s+[a-zA-Z:-]+="[^"<]*")*)\s*(\/?)>/) {
            if match.2 == "path", match.3.contains(#"fill="none""#) { lines += 1 }
            if !match.1.isEmpty {
                guard open.popLast() == match.2 else { return }
            } else if match.4.isEmpty {
                open.append(match.2)
            }
        }
        let rest = text.replacing(/<[^<>]*>/, with: "")
        isWellFormed = open.isEmpty && !rest.contains("<") && rest.firstMatch(of: /&(?!amp;|lt;|gt;|quot;)/) == nil
    }
}
