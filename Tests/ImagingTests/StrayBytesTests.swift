import Foundation
import Imaging
import Testing

@Suite("Stray bytes in a JPEG")
struct StrayBytesTests {
    private let note = "stray bytes before a marker were passed over"

    /// Where the segments of a JPEG begin, up to its first scan's.
    private func segments(_ data: Data) -> [Int] {
        var starts = [2]
        while let at = starts.last, at + 4 <= data.count, data[at + 1] != 0xDA {
            starts.append(at + 2 + Int(data[at + 2]) << 8 + Int(data[at + 3]))
        }
        return starts
    }

    private func inserted(_ bytes: [UInt8], at: Int, of data: Data) -> Data { data.prefix(at) + Data(bytes) + data.dropFirst(at) }

    @Test("between the tables, whatever they are, change no pixel", arguments: ["yuv420.jpg", "gray.jpg", "progressive.jpg", "ycck.jpg"])
    func header(file: String) throws {
        let data = try TestData.fixture(file)
        let whole = try ImageDecoder().decode(data)
        var random = SystemRandomNumberGenerator()
        for at in segments(data).dropFirst() {
            // No marker among them: 0xFF comes only before 0.
            let stray = (0..<Int.random(in: 1...40, using: &random)).flatMap { _ in
                let byte = UInt8.random(in: 0...255, using: &random)
                return byte == 0xFF ? [0xFF, 0] : [byte]
            }
            let decoded = try ImageDecoder().decode(inserted(stray, at: at, of: data))
            #expect(decoded.image == whole.image, "\(stray) at \(at)")
            #expect(decoded.description.warnings == [note], "\(stray) at \(at)")
        }
    }

    @Test("behind coded data are passed over where they fill up, and a sign of damage otherwise", arguments: ["yuv420.jpg", "gray.jpg"])
    func codedData(file: String) throws {
        let data = try TestData.fixture(file)
        let whole = try ImageDecoder().decode(data).image
        let fills: [[UInt8]] = [Array(repeating: 0, count: 40), (0..<40).map { $0 % 2 == 0 ? 0xFF : 0 }]
        for fill in fills {
            let decoded = try ImageDecoder().decode(inserted(fill, at: data.count - 2, of: data))
            #expect(decoded.image == whole)
            #expect(decoded.description.warnings == [note])
        }
        for (other, name) in [
            (Array("this is a text, and no image".utf8), "text"), (Array(data[(data.count - 40)..<(data.count - 2)]), "data"),
        ] {
            guard case .corrupt = refusal(inserted(other, at: data.count - 2, of: data)) else {
                Issue.record("\(name) behind the coded data was passed over")
                continue
            }
        }
    }

    @Test("before every restart marker are passed over where they fill up")
    func restarts() throws {
        let data = try TestData.fixture("restart.jpg")
        let whole = try ImageDecoder().decode(data).image
        let scan = try #require(data.firstRange(of: Data([0xFF, 0xDA]))).upperBound
        let markers = (scan..<data.count - 2).filter { data[$0] == 0xFF && (0xD0...0xD7).contains(data[$0 + 1]) }
        #expect(markers.count > 20)
        for count in [1, 2, 9, 30] {
            var filled = data
            for at in markers.reversed() { filled.insert(contentsOf: [UInt8](repeating: 0, count: count), at: at) }
            #expect(try ImageDecoder().decode(filled).image == whole, "\(count) bytes")
        }
        var damaged = data
        damaged.insert(contentsOf: Array("no fill, for sure".utf8), at: markers[10])
        #expect(refusal(damaged) != nil)
    }
}
