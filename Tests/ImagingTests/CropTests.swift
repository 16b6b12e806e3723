import Foundation
import Imaging
import Testing

/// From a file to its crop: the rows that are resized as they come against the whole image, decoded, turned and cropped.
@Suite("From the file to the crop")
struct CropTests {
    /// Windows at the edges and in the middle, either pass first, images larger and smaller than the crop.
    static let settings = [
        preprocessing(32, 32), preprocessing(24, 60, .lanczos), preprocessing(60, 7, cropFraction: 1, cropMode: .squash, .bilinear),
        preprocessing(40, 40, cropFraction: 0.3), preprocessing(48, 48, cropMode: .border, .hamming), preprocessing(9, 9, .nearest),
        preprocessing(224, 224, .box),
    ]

    @Test("rows resized as they come give the very bits of the whole image, cropped", arguments: settings)
    func streamed(settings: Preprocessing) throws {
        for row in try TestData.table("decoded.csv") {
            let data = try TestData.fixture(row[0])
            let whole = try ImageDecoder().decode(data)
            #expect(try ImageDecoder(exif: .ignore).crop(data, for: settings).image == settings.crop(whole.image), "\(row[0])")
            let upright = try settings.crop(turned(whole.image, whole.description.orientation))
            #expect(try ImageDecoder().crop(data, for: settings).image == upright, "\(row[0])")
        }
    }

    @Test("each of the eight orientations is resized as if it had been turned before", arguments: settings)
    func orientations(settings: Preprocessing) throws {
        for (width, height) in [(47, 31), (31, 47), (1, 9), (300, 17), (17, 300)] {
            let image = noise(seed: UInt64(width), width: width, height: height)
            guard let png = image.png else { throw MalformedRow(row: []) }
            for value in 1...8 {
                let orientation = try #require(Orientation(rawValue: value))
                let data = withOrientation(Data(png), value)
                let crop = try ImageDecoder().crop(data, for: settings)
                #expect(crop.description.orientation == orientation)
                #expect(try crop.image == settings.crop(turned(image, orientation)), "\(width) x \(height), orientation \(value)")
            }
        }
    }

    @Test("damage below the crop is found, too")
    func unusedRows() throws {
        let data = try TestData.fixture("yuv420.jpg")
        // Of a wide picture's rows all are used, of a tall one's the middle.
        let tall = preprocessing(16, 64, cropFraction: 1)
        #expect(throws: Never.self) { try ImageDecoder().crop(data, for: tall) }
        #expect(throws: ImageError.self) { try ImageDecoder().crop(data.prefix(data.count - 300), for: tall) }
    }

    @Test("damage below the crop is found in a WebP, too", arguments: ["lossy.webp", "lossless.webp"])
    func unusedRowsOfWebP(name: String) throws {
        let middle = preprocessing(40, 40, cropFraction: 0.3)
        var data = try TestData.fixture(name)
        #expect(throws: Never.self) { try ImageDecoder().crop(data, for: middle) }
        // The last bytes of the only chunk are taken away, and both headers say so.
        data.removeLast(40)
        for (at, size) in [(4, data.count - 8), (16, data.count - 20)] {
            withUnsafeBytes(of: UInt32(size).littleEndian) { data.replaceSubrange(at..<at + 4, with: $0) }
        }
        #expect(throws: ImageError.self) { try ImageDecoder().decode(data) }
        #expect(throws: ImageError.self) { try ImageDecoder().crop(data, for: middle) }
    }

    @Test("a photograph far larger than the crop may be decoded at a reduced scale, and looks alike")
    func scaled() throws {
        let data = try TestData.fixture("cat.jpg")
        let settings = preprocessing(56, 56)
        let full = try ImageDecoder().crop(data, for: settings)
        let scaled = try ImageDecoder(scale: .scaled).crop(data, for: settings)
        #expect(scaled.image != full.image)
        #expect(scaled.description == full.description)
        let difference = zip(full.image.pixels, scaled.image.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
        #expect(Double(difference) / Double(full.image.pixels.count) < 3)
        // Not far larger: the same.
        let near = preprocessing(224, 224)
        #expect(try ImageDecoder(scale: .scaled).crop(data, for: near).image == ImageDecoder().crop(data, for: near).image)
    }

    @Test("a crop written as PNG comes back as it was")
    func png() throws {
        let image = noise(seed: 5, width: 33, height: 21)
        let png = try #require(image.png)
        #expect(try ImageDecoder().decode(Data(png)).image == image)
    }

    /// The plain way: every pixel to its place.
    private func turned(_ image: RGBImage, _ orientation: Orientation) -> RGBImage {
        let swaps = orientation.rawValue >= 5
        let (width, height) = swaps ? (image.height, image.width) : (image.width, image.height)
        var pixels: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                let (right, bottom) = (width - 1 - x, height - 1 - y)
                // What the EXIF standard says of each: where the stored first row and first column are.
                let (column, row) =
                    switch orientation.rawValue {
                    case 2: (right, y)
                    case 3: (right, bottom)
                    case 4: (x, bottom)
                    case 5: (y, x)
                    case 6: (y, right)
                    case 7: (bottom, right)
                    case 8: (bottom, x)
                    default: (x, y)
                    }
                let at = 3 * (row * image.width + column)
                pixels += image.pixels[at..<at + 3]
            }
        }
        return RGBImage(width: width, height: height, pixels: pixels)
    }

    /// Puts an `eXIf` chunk behind a PNG's header.
    private func withOrientation(_ png: Data, _ value: Int) -> Data {
        func bigEndian(_ number: UInt32) -> Data { withUnsafeBytes(of: number.bigEndian) { Data($0) } }
        var chunk = Data("eXIf".utf8)
        chunk += Data("MM\0*".utf8) + bigEndian(8) + Data([0, 1, 0x01, 0x12, 0, 3]) + bigEndian(1) + Data([0, UInt8(value), 0, 0])
        chunk += bigEndian(0)
        var png = png
        png.insert(contentsOf: bigEndian(UInt32(chunk.count - 4)) + chunk + bigEndian(crc32(Array(chunk))), at: 33)
        return png
    }
}
