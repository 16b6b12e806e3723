/// What decoding an image will take, told from its header and its size: before any pixel is decoded, and whatever the bytes turn out to hold.
public struct DecodeCost: Sendable, Equatable {
    /// From the file to the crop, on one core at 3 GHz: an estimate that is meant to be compared with those of other images. Sound files take
    /// between half and twice as long.
    public var duration: Duration
    /// Bytes held at the same time at the most, besides the file and the crop.
    public var memory: Int
}

// The figures are nanoseconds, measured on Zen 4 at 3.5 GHz with libjpeg-turbo 2.1.5, libpng 1.6.39 and libwebp 1.2.4.
extension DecodeCost {
    private init(nanoseconds: Double, memory: Int) {
        duration = .nanoseconds(Int64(nanoseconds))
        self.memory = memory
    }

    /// What is done for every pixel whatever the format: resizing, and a fixed part. Rows in flight are held.
    private static func resizing(_ width: Int, _ height: Int) -> (nanoseconds: Double, memory: Int) {
        (50_000 + 1.5 * Double(width * height), 1 << 18 + 150 * width)
    }

    static func jpeg(_ markers: JPEGMarkers, held: Int, bytes: Int, width: Int, height: Int) -> DecodeCost {
        let resizing = resizing(width, height)
        let pixels = 3 * Double(width * height)
        // Each scan of several goes through memory.
        let scanning = (markers.scans > 1 ? 0.4 : 0.2) * Double(markers.scannedSamples)
        let coded = (markers.isArithmetic ? 60 : 8) * Double(bytes)
        return DecodeCost(nanoseconds: resizing.nanoseconds + pixels + scanning + coded, memory: resizing.memory + held)
    }

    static func png(_ chunks: PNGChunks, held: Int, bytes: Int) -> DecodeCost {
        let resizing = resizing(chunks.width, chunks.height)
        let stored = Double(chunks.pixelBits) / 8 * Double(chunks.width * chunks.height)
        return DecodeCost(nanoseconds: resizing.nanoseconds + 4 * stored + 5 * Double(bytes), memory: resizing.memory + held)
    }

    static func webp(_ container: WebPContainer, isLossless: Bool, hasAlpha: Bool) -> DecodeCost {
        let resizing = resizing(container.width, container.height)
        let pixels = container.columns.count * container.rows.count
        let each = isLossless ? 12.0 : hasAlpha ? 12 : 8
        // The bitmap; of a lossless file four bytes a pixel besides, of a lossy one with transparency two.
        let held = (isLossless ? 7 : hasAlpha ? 5 : 3) * pixels
        return DecodeCost(
            nanoseconds: resizing.nanoseconds + each * Double(pixels) + 10 * Double(container.bitstream.count), memory: resizing.memory + held)
    }
}
