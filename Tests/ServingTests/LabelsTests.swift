import Foundation
import SENet
import Testing

@testable import Serving

@Suite("Labels")
struct LabelsTests {
    private func labels(_ json: String) throws -> Labels { Labels(try Configuration(json: Data(json.utf8))) }

    @Test("are the configuration's own where it has some")
    func own() throws {
        let labels = try labels(
            """
            {"architecture": "seresnet18", "num_classes": 3, "pretrained_cfg":
             {"label_names": ["n1", "n2", "n3"], "label_descriptions": {"n1": "espresso", "n3": "cat"}}}
            """)
        #expect(labels.names == ["n1", "n2", "n3"])
        #expect(labels.descriptions == ["espresso", "n2", "cat"], "a name without a description stands for itself")
    }

    @Test("are the configuration's own for 1,000 classes too")
    func ownThousand() throws {
        let names = (0..<1000).map { "\"x\($0)\"" }.joined(separator: ",")
        let labels = try labels(#"{"architecture": "seresnet18", "pretrained_cfg": {"label_names": [\#(names)]}}"#)
        #expect(labels.names[281] == "x281")
        #expect(labels.descriptions[281] == "x281")
    }

    @Test("are ImageNet-1k's for 1,000 classes without labels")
    func imageNet() throws {
        let labels = try labels(#"{"architecture": "seresnet50"}"#)
        #expect(labels.names.count == 1000)
        #expect(labels.descriptions.count == 1000)
        #expect(labels.names[281] == "n02123045")
        #expect(labels.descriptions[281] == "tabby, tabby cat")
        #expect(labels.names.first == "n01440764")
        #expect(labels.names.last == "n15075141")
    }

    @Test("of ImageNet-1k are in the order of WordNet's ids, each id once, none empty")
    func imageNetOrder() throws {
        let labels = try labels(#"{"architecture": "seresnet50"}"#)
        #expect(labels.names == labels.names.sorted())
        #expect(Set(labels.names).count == 1000)
        #expect(labels.names.allSatisfy { $0.wholeMatch(of: /n\d{8}/) != nil })
        #expect(labels.descriptions.allSatisfy { !$0.isEmpty && $0.first != " " && $0.last != " " })
    }

    @Test(
        "are what a person would say, with the other names beside it",
        arguments: [
            ("tabby, tabby cat", "tabby cat", ["tabby"]), ("goldfish, Carassius auratus", "goldfish", ["Carassius auratus"]),
            ("hip, rose hip, rosehip", "rose hip", ["hip", "rosehip"]), ("gorilla, Gorilla gorilla", "gorilla", ["Gorilla gorilla"]),
            ("Cardigan, Cardigan Welsh corgi", "Cardigan Welsh corgi", ["Cardigan"]), ("espresso", "espresso", []), ("a, ,", "a", []),
            ("", "", []), ("indri, indris, Indri indri, Indri brevicaudatus", "indri", ["indris", "Indri indri", "Indri brevicaudatus"]),
        ] as [(String, String, [String])])
    func spoken(description: String, name: String, others: [String]) {
        let said = Labels.say(description)
        #expect(said.name == name && said.others == others)
    }

    @Test("of ImageNet-1k name a cat a cat, and lose no name")
    func imageNetSpoken() throws {
        let labels = try labels(#"{"architecture": "seresnet50"}"#)
        #expect(labels.spoken[281] == "tabby cat" && labels.synonyms[281] == ["tabby"])
        for (index, description) in labels.descriptions.enumerated() {
            let names = description.split(separator: ",").map(\.trimmed)
            #expect(Set([labels.spoken[index]] + labels.synonyms[index]) == Set(names))
        }
    }

    @Test("can be told from each other, also where two classes are called the same")
    func unique() throws {
        let labels = try labels(#"{"architecture": "seresnet50"}"#)
        #expect(Set(labels.unique).count == 1000 && Set(labels.spoken).count < 1000)
        #expect(labels.unique[281] == "tabby cat" && labels.unique[134] == "crane (n02012849)" && labels.unique[517] == "crane (n03126707)")
        let same = try self.labels(#"{"architecture": "seresnet18", "num_classes": 3, "pretrained_cfg": {"label_names": ["a", "a", "a"]}}"#)
        #expect(Set(same.unique).count == 3)
    }

    @Test("are the classes' numbers otherwise")
    func numbers() throws {
        let labels = try labels(#"{"architecture": "seresnet18", "num_classes": 3}"#)
        #expect(labels.names == ["0", "1", "2"])
        #expect(labels.descriptions == ["class 0", "class 1", "class 2"])
    }

    @Test("are read from a file, a class a line, with WordNet's ids or without")
    func file() throws {
        let folder = try TemporaryFolder()
        try folder.write("n02119022 red fox, Vulpes vulpes\r\ntabby cat\n  kit fox \n\n", to: "labels.txt")
        let labels = try Labels.parse(file: folder.path("labels.txt"))
        #expect(labels.map(\.name) == ["n02119022", "tabby cat", "kit fox"])
        #expect(labels.map(\.description) == ["red fox, Vulpes vulpes", nil, nil])
        try folder.write("a\n\nb\n", to: "labels.txt")
        #expect(throws: ModelError.file("\(folder.path("labels.txt")): line 2 is empty, but each line is a class")) {
            try Labels.parse(file: folder.path("labels.txt"))
        }
    }
}
