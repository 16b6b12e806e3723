import Foundation
import Imaging
import Testing

@Suite("Preprocessing")
struct PreprocessingTests {
    @Test("hundreds of small crops are bit for bit timm's: every filter, crop mode, lone rows and columns, either direction")
    func crops() throws {
        let rows = try TestData.table("resample_cases.csv")
        #expect(rows.count > 500)
        for row in rows {
            guard row.count == 9, let seed = UInt64(row[0]), let width = Int(row[1]), let height = Int(row[2]),
                let cropHeight = Int(row[3]), let cropWidth = Int(row[4]), let fraction = Double(row[5]),
                let mode = CropMode(rawValue: row[6]), let interpolation = Interpolation(rawValue: row[7])
            else { throw MalformedRow(row: row) }
            let settings = preprocessing(cropHeight, cropWidth, cropFraction: fraction, cropMode: mode, interpolation)
            #expect(settings.problem == nil)
            let crop = try settings.crop(noise(seed: seed, width: width, height: height))
            #expect(crop.width == cropWidth && crop.height == cropHeight)
            // Where timm fails (an edge of no pixels) there is nothing to compare, but an answer there must be.
            if row[8] != "none" { #expect(crc32(crop.pixels) == UInt32(row[8], radix: 16), "\(row)") }
        }
    }

    @Test("normalised values have float32's very bits, in every channel")
    func normalisation() throws {
        let rows = try TestData.table("normalized.csv", header: false)
        #expect(rows.count == 256)
        let ramp = RGBImage(width: 16, height: 16, pixels: (0..<768).map { UInt8($0 / 3) })
        var tensor = [Float](repeating: .nan, count: 768)
        tensor.withUnsafeMutableBufferPointer { preprocessing(16, 16, cropFraction: 1).normalize(ramp, into: $0) }
        for (value, row) in rows.enumerated() {
            for channel in 0..<3 { #expect(tensor[256 * channel + value].bitPattern == UInt32(row[channel], radix: 16)) }
        }
    }

    @Test("Caffe's networks see blue first, minus the mean, from 0 to 255, to the bit")
    func caffe() {
        var settings = preprocessing(8, 8, cropFraction: 1)
        (settings.channelOrder, settings.white) = (.bgr, 255)
        (settings.mean, settings.standardDeviation) = ([104, 117, 123], [1, 1, 1])
        #expect(settings.problem == nil)
        let crop = noise(seed: 3, width: 8, height: 8)
        var tensor = [Float](repeating: .nan, count: 192)
        tensor.withUnsafeMutableBufferPointer { settings.normalize(crop, into: $0) }
        for pixel in 0..<64 {
            #expect(tensor[pixel] == Float(crop.pixels[3 * pixel + 2]) - 104)
            #expect(tensor[64 + pixel] == Float(crop.pixels[3 * pixel + 1]) - 117)
            #expect(tensor[128 + pixel] == Float(crop.pixels[3 * pixel]) - 123)
        }
        settings.white = 1
        #expect(settings.problem?.contains("mean") == true)
        settings.white = 100
        #expect(settings.problem?.contains("1 or 255") == true)
    }

    @Test("the tensor is the crop, planar, and nothing of what was there before")
    func tensor() throws {
        let settings = preprocessing(20, 30, cropMode: .border)
        let image = noise(seed: 7, width: 50, height: 90)
        let crop = try settings.crop(image)
        var tensor = [Float](repeating: .nan, count: 1800)
        tensor.withUnsafeMutableBufferPointer { settings.normalize(crop, into: $0) }
        for pixel in 0..<600 {
            for channel in 0..<3 {
                let value = Float(crop.pixels[3 * pixel + channel]) / 255
                let expected = (value - Float(settings.mean[channel])) / Float(settings.standardDeviation[channel])
                #expect(tensor[600 * channel + pixel].bitPattern == expected.bitPattern)
            }
        }
    }

    @Test("an image that fits already is left untouched by every filter", arguments: Interpolation.allCases)
    func untouched(interpolation: Interpolation) throws {
        let image = noise(seed: 1, width: 57, height: 57)
        #expect(try preprocessing(57, 57, cropFraction: 1, interpolation).crop(image) == image)
    }

    @Test("an extreme aspect ratio costs the window only", .timeLimit(.minutes(1)))
    func extremeAspectRatio() throws {
        for (width, height) in [(65_500, 1), (1, 65_500)] {
            let crop = try preprocessing(224, 224).crop(noise(seed: 3, width: width, height: height))
            #expect(crop.width == 224 && crop.height == 224)
        }
    }

    @Test("settings that cannot be used say why")
    func problems() {
        #expect(preprocessing(224, 224).problem == nil)
        #expect(preprocessing(0, 224).problem?.contains("0 x 224") == true)
        #expect(preprocessing(224, 1_000_000).problem != nil)
        #expect(preprocessing(224, 224, cropFraction: 0).problem != nil)
        #expect(preprocessing(224, 224, cropFraction: 1e-300).problem != nil)
        #expect(preprocessing(224, 224, cropFraction: .nan).problem != nil)
        #expect(preprocessing(224, 224, cropFraction: 500).problem != nil)
        var settings = preprocessing(224, 224)
        settings.mean = [0.5]
        #expect(settings.problem != nil)
        settings = preprocessing(224, 224)
        settings.standardDeviation[1] = 0
        #expect(settings.problem != nil)
    }
}
