import Testing

@testable import ModelImport

@Suite("A pickle")
struct PickleTests {
    private func content(_ bytes: [UInt8]) throws -> PickleContent {
        var machine = PickleMachine(ByteReader(bytes, source: "pickle"))
        return try machine.run()
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.unicodeScalars.map { UInt8($0.value) }) }

    @Test("of numbers and texts gives them")
    func values() throws {
        let cases: [(String, PickleValue)] = [
            ("N.", .none), ("\u{88}.", .bool(true)), ("K\u{7}.", .integer(7)), ("M\u{1}\u{2}.", .integer(513)),
            ("J\u{fe}\u{ff}\u{ff}\u{ff}.", .integer(-2)), ("\u{8a}\u{0}.", .integer(0)), ("\u{8a}\u{2}\u{0}\u{80}.", .integer(-32768)),
            ("\u{8a}\u{8}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{7f}.", .integer(.max)),
            ("G\u{3f}\u{f8}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}.", .real(1.5)), ("\u{8c}\u{2}hi.", .text("hi")),
        ]
        for (text, value) in cases { #expect(try content(bytes(text)).top == value) }
    }

    @Test("of containers gives their items, and a container that holds itself does no harm")
    func containers() throws {
        let list = try content(bytes("](K\u{1}K\u{2}e."))
        #expect(list.items(list.top) == [.integer(1), .integer(2)])
        let dictionary = try content(bytes("}(\u{8c}\u{1}aK\u{1}\u{8c}\u{1}bNu."))
        #expect(dictionary.entries(dictionary.top)?.map(\.key) == ["a", "b"])
        let cycle = try content(bytes("]q\u{0}h\u{0}a."))
        #expect(cycle.items(cycle.top) == [cycle.top])
    }

    @Test(
        "that is malformed is refused",
        arguments: [
            "", ".", "N", "0.", "t.", "(1", "a.", "NNa.", "]NNs.", "h\u{0}.", "j\u{1}\u{2}\u{3}\u{4}.", "q\u{0}.", "\u{85}.", "NR.", "N)R.",
            "NQ.", "\u{8a}\u{9}.", "}(Nu.", "\u{ff}.", "(\u{94}", "cos\nsystem\n.", "(ios\nsystem\n.", "N\u{81}.", "(N0.", "\u{93}.",
        ])
    func malformed(_ text: String) { #expect(!failure { try content(bytes(text)) }.isEmpty) }

    @Test("without end, or whose containers grow without end, is stopped")
    func endless() {
        #expect(failure { try content([UInt8](repeating: UInt8(ascii: "N"), count: 2_000_000)) }.contains("operations"))
        // A list of pairs, made into an ordered dictionary again and again.
        let pairs = "]q\u{0}(" + String(repeating: "NN\u{86}", count: 100_000) + "e0"
        let calls = String(repeating: "ccollections\nOrderedDict\nh\u{0}\u{85}R0", count: 1000)
        #expect(failure { try content(bytes(pairs + calls + "N.")) }.contains("containers of more than"))
    }
}
