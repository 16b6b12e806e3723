import Imaging
import SENet

/// A class map over what the network saw: as the page draws it.
struct ClassMapPicture {
    private let map: ClassMap
    /// What makes the crop to draw over: the network's own, at a whole multiple of its size, so that people see something.
    let preprocessing: Preprocessing

    /// How much of the map there is, and of the gray under it: the page's slider, where it stands at first.
    private static let strength: Float = 0.7
    private static let orange: [Float] = [255, 110, 0]
    /// The most of it that covers the picture.
    private static let opacity: Float = 235.0 / 255
    /// Pixels that the crop's shorter edge has at least.
    private static let leastEdge = 448

    init(_ map: ClassMap, seenThrough preprocessing: Preprocessing) {
        self.map = map
        let edge = min(preprocessing.width, preprocessing.height)
        let factor = max(1, (Self.leastEdge + edge - 1) / edge)
        var enlarged = preprocessing
        (enlarged.width, enlarged.height) = (factor * preprocessing.width, factor * preprocessing.height)
        self.preprocessing = enlarged.problem == nil ? enlarged : preprocessing
    }

    /// - Parameter crop: what `preprocessing` makes of the image.
    func draw(over crop: RGBImage) -> RGBImage {
        let least = map.values.min() ?? 0
        let range = (map.values.max() ?? 0) - least
        let columns = Self.places(crop.width, of: map.width)
        var pixels = crop.pixels
        for (y, row) in Self.places(crop.height, of: map.height).enumerated() {
            for (x, column) in columns.enumerated() {
                let value = row.blend { row in column.blend { map.values[row * map.width + $0] } }
                let alpha = range > 0 ? (value - least) / range * Self.opacity * Self.strength : 0
                let start = 3 * (y * crop.width + x)
                let colors = pixels[start..<start + 3].map(Float.init)
                // As CSS's grayscale() weighs them.
                let gray = 0.2126 * colors[0] + 0.7152 * colors[1] + 0.0722 * colors[2]
                for (channel, color) in colors.enumerated() {
                    let under = color + (gray - color) * Self.strength
                    pixels[start + channel] = UInt8((under + (Self.orange[channel] - under) * alpha).rounded())
                }
            }
        }
        return RGBImage(width: crop.width, height: crop.height, pixels: pixels)
    }

    /// Two neighbours among the map's rows or columns, and how much of the second there is.
    private struct Place {
        var first: Int
        var second: Int
        var part: Float

        func blend(_ value: (Int) -> Float) -> Float { value(first) * (1 - part) + value(second) * part }
    }

    /// Where each of `count` pixels lies among a map's `size` values: bilinear, centres on centres.
    private static func places(_ count: Int, of size: Int) -> [Place] {
        (0..<count).map { pixel in
            let position = min(max((Float(pixel) + 0.5) * Float(size) / Float(count) - 0.5, 0), Float(size - 1))
            let first = Int(position)
            return Place(first: first, second: min(first + 1, size - 1), part: position - Float(first))
        }
    }
}
