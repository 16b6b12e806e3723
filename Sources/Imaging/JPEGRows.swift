import CImageRows

/// Decodes a JPEG, bit for bit as Pillow does: accurate integer DCT, smooth chroma upsampling.
///
/// The order is the defence: coding and scans from the markers, the size from the header, and only then memory and work.
final class JPEGRows: RowDecoder {
    private(set) var width: Int
    private(set) var height: Int
    /// The only owner of it.
    private let decoder: OpaquePointer
    private let isCMYK: Bool
    /// One row of four samples a pixel.
    private var inks: [UInt8] = []
    private var limit: DecodeLimit?

    /// - Parameter bytes: must outlive the decoder.
    /// - Throws: `ImageError`; every warning of the library is an error but those that `jpeg_rows.c` lists.
    static func open(_ bytes: UnsafeRawBufferPointer, limits: ImageLimits) throws(ImageError) -> OpenedImage {
        let markers = JPEGMarkers(bytes, scanLimit: limits.scans)
        if let unsupported = markers.unsupported { throw unsupported }
        let rows = try JPEGRows(bytes)
        let (width, height) = (rows.width, rows.height)
        try limits.check(width: width, height: height)
        guard markers.scans <= limits.scans else { throw .corrupt("more than \(limits.scans) scans") }
        try limits.check(scannedSamples: markers.scannedSamples, scans: markers.scans, width: width, height: height)
        let held = Int(jpeg_rows_held_bytes(rows.decoder))
        try limits.check(memory: held, width: width, height: height, kind: "a JPEG of several scans")
        let orientation = Orientation(
            markers.exif.withUnsafeBytes(Orientation.number(inEXIF:)) ?? markers.xmp.flatMap(Orientation.number(inXMP:)))
        let description = ImageDescription(
            format: .jpeg, width: width, height: height, orientation: orientation, colorMode: try rows.colorMode())
        let cost = DecodeCost.jpeg(markers, held: held, bytes: bytes.count, width: width, height: height)
        return OpenedImage(rows: rows, description: description, cost: cost)
    }

    private init(_ bytes: UnsafeRawBufferPointer) throws(ImageError) {
        // It fails for want of a few kilobytes only; then Swift's own allocations end the process, too.
        guard let decoder = jpeg_rows_create(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count) else {
            fatalError("libjpeg: no memory")
        }
        self.decoder = decoder
        (width, height) = (0, 0)
        guard jpeg_rows_read_header(decoder) else {
            isCMYK = false
            throw failure()
        }
        width = Int(jpeg_rows_width(decoder))
        height = Int(jpeg_rows_height(decoder))
        isCMYK = jpeg_rows_colour(decoder) == JPEG_ROWS_CMYK
    }

    deinit { jpeg_rows_destroy(decoder) }

    private func colorMode() throws(ImageError) -> ColorMode {
        switch jpeg_rows_colour(decoder) {
        case JPEG_ROWS_GRAY: .gray
        case JPEG_ROWS_RGB: .rgb
        case JPEG_ROWS_CMYK: .cmyk
        default: throw .unsupportedFormat("a JPEG of an unknown colour space")
        }
    }

    /// Lets the rows come at `eighths` / 8 of the stored size, which libjpeg rounds up.
    func scale(eighths: Int) throws(ImageError) {
        var (width, height): (Int32, Int32) = (0, 0)
        guard jpeg_rows_set_scale(decoder, Int32(eighths), &width, &height) else { throw failure() }
        self.width = Int(width)
        self.height = Int(height)
    }

    func start(columns: Range<Int>, rows: Range<Int>, limit: DecodeLimit) throws(ImageError) {
        self.limit = limit
        if isCMYK { inks = [UInt8](repeating: 0, count: 4 * width) }
        guard jpeg_rows_start(decoder, limit.forRows()) else { throw failure() }
    }

    func read(_ count: Int, into rows: UnsafeMutablePointer<UInt8>) throws(ImageError) {
        guard isCMYK else {
            guard jpeg_rows_read(decoder, rows, Int32(count)) else { throw failure() }
            return
        }
        for row in 0..<count {
            let isRead = inks.withUnsafeMutableBufferPointer { inks in
                let isRead = jpeg_rows_read(decoder, inks.baseAddress, 1)
                if isRead { convertInvertedCMYK(UnsafeBufferPointer(inks), toRGB: rows + 3 * width * row) }
                return isRead
            }
            guard isRead else { throw failure() }
        }
    }

    func finish() throws(ImageError) -> [String] {
        var left = 0
        guard jpeg_rows_finish(decoder, &left) else { throw failure() }
        var notes: [String] = []
        var index: Int32 = 0
        while let note = jpeg_rows_note(decoder, index).map({ String(cString: $0) }) {
            if !notes.contains(note) { notes.append(note) }
            index += 1
        }
        if left > 0 { notes.append(noteTrailingBytes(left)) }
        return notes
    }

    private func failure() -> ImageError {
        switch jpeg_rows_failure(decoder) {
        case ROWS_STOPPED: .tooSlow(limit: limit?.allowed ?? .zero)
        case ROWS_NO_MEMORY: .tooLarge(width: width, height: height, limit: "the memory that is free")
        default: .corrupt(String(cString: jpeg_rows_message(decoder)))
        }
    }
}

/// Converts pixels of four samples to three as Pillow does for every JPEG of four components: it takes all of them for inverted, as Adobe
/// writes them, so that a stored sample is 255 - ink. Then R = K' - C * K' / 255 with K' = 255 - K, the quotient rounded to nearest.
private func convertInvertedCMYK(_ inks: UnsafeBufferPointer<UInt8>, toRGB row: UnsafeMutablePointer<UInt8>) {
    for pixel in 0..<inks.count / 4 {
        let light = Int32(inks[4 * pixel + 3])  // K'
        for channel in 0..<3 {
            let ink = 255 - Int32(inks[4 * pixel + channel])
            let product = ink * light + 128
            let quotient = (product + (product >> 8)) >> 8  // product / 255, exact for products of two bytes
            row[3 * pixel + channel] = UInt8(max(0, light - quotient))
        }
    }
}
