/// What decoding an image will take, told from its header and its size: before any pixel is decoded, and whatever the bytes turn out to hold.
public struct DecodeCost: Sendable, Equatable {
    /// From the file to the crop, of one core's time: an estimate that is meant to be compared with those of other images. Of sound files, most
    /// took between two thirds and three halves of it where it was measured; of files that are made to be slow, none took twice as long.
    public var duration: Duration
    /// Bytes held at the same time at the most, besides the file and the crop.
    public var memory: Int

    public init(duration: Duration, memory: Int) {
        self.duration = duration
        self.memory = memory
    }
}

// Nanoseconds by pixel, sample and byte of the file: fitted to photographs of 0.3 to 24 megapixels and to flat ones of 100 (Zen 4,
// libjpeg-turbo 2.1.5, libpng 1.6.39, libwebp 1.2.4), resizing included.
extension DecodeCost {
    private init(nanoseconds: Double, width: Int, held: Int) {
        // Held beside what is known: the decoder's own tables, and the rows that are in flight.
        self.init(duration: .nanoseconds(50_000 + Int64(nanoseconds)), memory: 256 << 10 + 150 * width + held)
    }

    static func jpeg(_ markers: JPEGMarkers, held: Int, bytes: Int, width: Int, height: Int) -> DecodeCost {
        let pixels = Double(width * height)
        // What more than one scan makes up is put together in memory.
        let decoding = held == 0 ? 1.6 * pixels : 2.6 * pixels + 0.3 * Double(markers.scannedSamples)
        let coded = markers.isArithmetic ? 130 : held == 0 ? 17 : 30
        return DecodeCost(nanoseconds: decoding + Double(coded * bytes), width: width, held: held)
    }

    static func png(_ chunks: PNGChunks, held: Int, bytes: Int) -> DecodeCost {
        let pixels = Double(chunks.width * chunks.height)
        let stored = pixels * Double(chunks.pixelBits) / 8
        return DecodeCost(nanoseconds: 0.5 * pixels + 3 * stored + 12 * Double(bytes), width: chunks.width, held: held)
    }

    static func webp(_ container: WebPContainer, isLossless: Bool, hasAlpha: Bool) -> DecodeCost {
        let pixels = container.columns.count * container.rows.count
        let bytes = Double(container.bitstream.count)
        // The bitmap, and what libwebp puts beside it: all pixels of a lossless file with four bytes each, the transparency of a lossy one.
        let nanoseconds = isLossless ? 12 * Double(pixels) + 5 * bytes : (hasAlpha ? 7 : 4) * Double(pixels) + 70 * bytes
        return DecodeCost(nanoseconds: nanoseconds, width: container.width, held: (isLossless || hasAlpha ? 7 : 3) * pixels)
    }
}
