import Foundation
import Testing

@testable import Service

@Suite("JSON as it is written")
struct JSONWriterTests {
    private func parsed(_ body: (inout JSONWriter) -> Void) throws -> [String: Any] {
        var writer = JSONWriter()
        writer.object(body)
        return try #require(try JSONSerialization.jsonObject(with: Data(writer.bytes)) as? [String: Any])
    }

    @Test("strings of all kinds come back", arguments: ["", "a", "\"quoted\" \\ / ", "\n\r\t\u{0}\u{1f}\u{7f}", "日本 é 👍🏽", "</script>"])
    func strings(text: String) throws {
        #expect(try parsed { $0.field("text", text) }["text"] as? String == text)
        #expect(try parsed { $0.field(text, 1) }[text] as? Int == 1)
    }

    @Test("numbers come back", arguments: [0, -1, 0.1, 1e-9, 1e300, -1e-300, 123_456_789.123, .greatestFiniteMagnitude])
    func numbers(number: Double) throws {
        #expect(try parsed { $0.field("x", number) }["x"] as? Double == number)
        #expect(try parsed { $0.field("x", Int.min) }["x"] as? Int == .min)
    }

    @Test("what is no number is null, what is absent is left out")
    func absent() throws {
        let object = try parsed {
            $0.field("nan", Double.nan)
            $0.field("infinite", -Float.infinity)
            $0.field("absent", String?.none)
            $0.field("last", true)
        }
        #expect(object.keys.sorted() == ["infinite", "last", "nan"])
        #expect(object["nan"] is NSNull && object["infinite"] is NSNull && object["last"] as? Bool == true)
    }

    @Test("objects and arrays nest, in the order in which they were written")
    func nesting() {
        var writer = JSONWriter()
        writer.object {
            $0.field("b", [[1, 2], [], [3]])
            $0.field("a", [String]())
        }
        #expect(String(decoding: writer.bytes, as: UTF8.self) == #"{"b":[[1,2],[],[3]],"a":[]}"#)
    }
}
