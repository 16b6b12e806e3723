/// Which part of the image the network sees; timm's `crop_mode`.
public enum CropMode: String, Sendable, Codable {
    /// The shorter edge is resized to the crop's over the crop fraction and the middle is cut out: the aspect ratio is kept, edges are lost.
    case center
    /// Both edges are resized to the crop's over the crop fraction: nothing but the aspect ratio is lost.
    case squash
    /// The longer edge is resized to the crop's over the crop fraction and the rest filled with the mean colour.
    case border
}

/// The order of a network's input channels; `input_space` in the settings that came with the ports of Caffe's networks.
public enum ChannelOrder: String, Sendable, Codable {
    case rgb = "RGB"
    case bgr = "BGR"
}

/// From an image to a network's input, exactly as timm evaluates a checkpoint (`create_transform(…, is_training=False)` on Pillow).
public struct Preprocessing: Sendable, Equatable {
    /// The network's input, in pixels.
    public var height: Int
    public var width: Int
    /// Which fraction of the resized image the crop is; timm's `crop_pct`. The image is resized to `floor(size / cropFraction)`.
    public var cropFraction: Double
    public var cropMode: CropMode
    public var interpolation: Interpolation
    /// Of each input channel, in their order, on the scale where white is `white`.
    public var mean: [Double]
    public var standardDeviation: [Double]
    public var channelOrder: ChannelOrder
    /// What the largest value of a channel is to the network: 1, or 255 for Caffe's.
    public var white: Double

    public init(
        height: Int, width: Int, cropFraction: Double, cropMode: CropMode, interpolation: Interpolation,
        mean: [Double], standardDeviation: [Double], channelOrder: ChannelOrder = .rgb, white: Double = 1
    ) {
        self.height = height
        self.width = width
        self.cropFraction = cropFraction
        self.cropMode = cropMode
        self.interpolation = interpolation
        self.mean = mean
        self.standardDeviation = standardDeviation
        self.channelOrder = channelOrder
        self.white = white
    }

    /// What makes these settings unusable, in words, or nil. `crop` and `tensor` stop the process where there is a problem, so settings
    /// from outside (a `config.json`) are asked first.
    public var problem: String? {
        let largest = 16_384
        guard (1...largest).contains(height), (1...largest).contains(width) else {
            return "the input is \(height) x \(width); each edge must be 1 to \(largest) pixels"
        }
        guard cropFraction > 0, Double(max(height, width)) / cropFraction <= Double(largest), Double(min(height, width)) / cropFraction >= 1
        else { return "the crop fraction is \(cropFraction); the input's edges over it must be 1 to \(largest) pixels" }
        guard white == 1 || white == 255 else { return "the input's range ends at \(white); it must be 1 or 255" }
        guard mean.count == 3, mean.allSatisfy({ abs($0) <= white }) else {
            return "the mean is \(mean); it must be 3 numbers from \(-Int(white)) to \(Int(white))"
        }
        guard standardDeviation.count == 3, standardDeviation.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            return "the standard deviation is \(standardDeviation); it must be 3 positive numbers"
        }
        return nil
    }

    /// The 8-bit crop that the network sees of an upright image, `width` x `height`.
    ///
    /// - Throws: nothing; `ImageDecoder.crop` goes the same way, and files can be broken.
    /// - Precondition: `problem` is nil.
    public func crop(_ image: RGBImage) throws(ImageError) -> RGBImage {
        let size = (image.width, image.height)
        return try crop(MemoryRows(image), stored: size, .upright, DecodeLimit(.seconds(3600)))
    }

    /// Makes the crop of an image's rows: every one of them is read.
    ///
    /// - Parameter stored: the size that the file gives.
    func crop(
        _ source: any RowDecoder, stored: (width: Int, height: Int), _ orientation: Orientation, _ limit: DecodeLimit
    ) throws(ImageError) -> RGBImage {
        if let problem { preconditionFailure(problem) }
        let plan = CropPlan(self, stored: stored, width: source.width, height: source.height, orientation)
        try source.start(columns: plan.columns.used, rows: plan.rows.used, limit: limit)
        var pixels = [UInt8](repeating: 0, count: 3 * width * height)
        if cropMode == .border, plan.x.count < width || plan.y.count < height { fill(&pixels) }
        let result = pixels.withUnsafeMutableBufferPointer { pixels in
            Result { () throws(ImageError) in
                guard let base = pixels.baseAddress else { return }
                let window = base + 3 * (plan.y.offset * width + plan.x.offset)
                let resampler = Resampler(source, plan.columns, plan.rows, verticalFirst: plan.verticalFirst)
                if orientation == .upright {
                    try resampler.run(into: window, rowBytes: 3 * width)
                } else {
                    let rowBytes = 3 * plan.columns.starts.count
                    let resized = Scratch<UInt8>(rowBytes * plan.rows.starts.count, filledWith: 0)
                    try resampler.run(into: resized.base, rowBytes: rowBytes)
                    plan.turn(resized.base, into: window, rowBytes: 3 * width)
                }
            }
        }
        try result.get()
        return RGBImage(width: width, height: height, pixels: pixels)
    }

    /// Surrounds an image smaller than the crop with the mean colour, in border mode; in the others it is black.
    private func fill(_ pixels: inout [UInt8]) {
        let color = (channelOrder == .rgb ? mean : mean.reversed()).map {
            UInt8(min(max((255 / white * $0).rounded(.toNearestOrEven), 0), 255))
        }
        for index in pixels.indices { pixels[index] = color[index % 3] }
    }

    /// Writes the network's input for a crop, planar (3, height, width): `(x / 255 - mean) / standardDeviation` in float32, in that order,
    /// without the division by 255 where white is 255.
    /// - Precondition: `output` holds exactly `3 * height * width` elements, and `crop` has that size.
    public func normalize(_ crop: RGBImage, into output: UnsafeMutableBufferPointer<Float>) {
        let plane = width * height
        let (red, blue) = channelOrder == .rgb ? (0, 2) : (2, 0)
        precondition(output.count == 3 * plane && crop.pixels.count == 3 * plane, "the network's input is (3, \(height), \(width))")
        crop.pixels.withUnsafeBufferPointer { pixels in
            normalized().withUnsafeBufferPointer { table in
                for pixel in 0..<plane {
                    output[pixel] = table[Int(pixels[3 &* pixel &+ red])]
                    output[plane &+ pixel] = table[256 &+ Int(pixels[3 &* pixel &+ 1])]
                    output[2 &* plane &+ pixel] = table[512 &+ Int(pixels[3 &* pixel &+ blue])]
                }
            }
        }
    }

    /// What each of the 256 values of each input channel becomes, (3, 256). Each step rounds to float32, as in torchvision's `ToTensor` and
    /// `Normalize`, so a table gives their very bits.
    func normalized() -> [Float] {
        (0..<768).map { index in
            let channel = index / 256
            let value = white == 255 ? Float(index % 256) : Float(index % 256) / 255
            return (value - Float(mean[channel])) / Float(standardDeviation[channel])
        }
    }
}
