import CTurboJPEG

/// Decodes a JPEG to RGB, bit for bit as Pillow does: accurate integer DCT, smooth chroma upsampling.
///
/// The order is the defence: coding and scans from the markers, the size from the header, and only then memory and work.
/// - Throws: `ImageError`; every warning of the library is an error, because a warning means that it guessed.
func decodeJPEG(_ bytes: UnsafeRawBufferPointer, limits: ImageLimits) throws(ImageError) -> DecodedImage {
    let markers = JPEGMarkers(bytes, scanLimit: limits.scans)
    if let unsupported = markers.unsupported { throw .unsupportedFormat(unsupported) }

    let decompressor = JPEGDecompressor()
    let header = try decompressor.header(of: bytes)
    try limits.check(width: header.width, height: header.height)
    guard markers.scans <= limits.scans else { throw .corrupt("more than \(limits.scans) scans") }

    let pixels = try decompressor.rgb(of: bytes, header)
    return DecodedImage(
        image: RGBImage(width: header.width, height: header.height, pixels: pixels),
        description: ImageDescription(
            format: .jpeg, width: header.width, height: header.height, orientation: 1, colorMode: header.colorMode))
}

/// The one owner of a TurboJPEG handle.
private final class JPEGDecompressor {
    struct Header {
        var width: Int
        var height: Int
        var colorMode: String
    }

    private let handle: tjhandle

    init() {
        // It fails for want of a few kilobytes only; then Swift's own allocations end the process, too.
        guard let handle = tjInitDecompress() else { fatalError("libjpeg-turbo: \(String(cString: tjGetErrorStr2(nil)))") }
        self.handle = handle
    }

    deinit {
        // The only failure is an invalid handle, and this one was checked when it was made.
        _ = tjDestroy(handle)
    }

    /// Reads the header alone; takes no memory for the image.
    func header(of bytes: UnsafeRawBufferPointer) throws(ImageError) -> Header {
        var width: Int32 = 0
        var height: Int32 = 0
        var subsampling: Int32 = 0
        var colorspace: Int32 = -1
        let result = tjDecompressHeader3(
            handle, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt(bytes.count),
            &width, &height, &subsampling, &colorspace)
        // A sampling that has no name in this API (4:1:0, say) comes back as -1 and an error, yet everything was read and it decodes below.
        let isOnlyUnnamed = subsampling == -1 && width > 0 && height > 0 && tjGetErrorCode(handle) == Int32(TJERR_FATAL.rawValue)
        guard result == 0 || isOnlyUnnamed else { throw failure() }
        // A file of tables alone is no error to the library, and a file cut off early looks like one.
        guard width > 0, height > 0 else { throw .corrupt("it ends before the image begins") }
        return Header(width: Int(width), height: Int(height), colorMode: try colorMode(colorspace))
    }

    private func colorMode(_ colorspace: Int32) throws(ImageError) -> String {
        switch UInt32(bitPattern: colorspace) {
        case TJCS_GRAY.rawValue: "gray"
        case TJCS_RGB.rawValue, TJCS_YCbCr.rawValue: "rgb"
        case TJCS_CMYK.rawValue, TJCS_YCCK.rawValue: "cmyk"
        default: throw .unsupportedFormat("a JPEG of an unknown colour space")
        }
    }

    /// Decodes to (height, width, 3).
    func rgb(of bytes: UnsafeRawBufferPointer, _ header: Header) throws(ImageError) -> [UInt8] {
        let isCMYK = header.colorMode == "cmyk"
        let format = isCMYK ? TJPF_CMYK : TJPF_RGB
        let samples = isCMYK ? 4 : 3
        let count = header.width * header.height
        var result: Int32 = -1
        // Uninitialised, so that a header which claims much and brings little costs no memory that is touched.
        let pixels = [UInt8](unsafeUninitializedCapacity: samples * count) { buffer, initialized in
            result = tjDecompress2(
                handle, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt(bytes.count),
                buffer.baseAddress, Int32(header.width), Int32(samples * header.width), Int32(header.height), format.rawValue,
                TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS)
            guard result == 0 else { return }
            if isCMYK { convertInvertedCMYKToRGB(buffer, count) }
            initialized = 3 * count
        }
        guard result == 0 else { throw failure() }
        return pixels
    }

    /// The handle's last error. Messages of TurboJPEG's own begin with the function's name, which helps no sender.
    private func failure() -> ImageError {
        let message = String(cString: tjGetErrorStr2(handle))
        if let end = message.firstRange(of: "(): ")?.upperBound { return .corrupt(String(message[end...])) }
        return .corrupt(message)
    }
}

/// Converts `count` pixels in place, from four samples each to three at the buffer's start, as Pillow does for every JPEG of
/// four components: it takes all of them for inverted, as Adobe writes them, so that a stored sample is 255 - ink.
/// Then R = K' - C * K' / 255 with K' = 255 - K, the quotient rounded to nearest.
private func convertInvertedCMYKToRGB(_ buffer: UnsafeMutableBufferPointer<UInt8>, _ count: Int) {
    for pixel in 0..<count {
        let light = Int32(buffer[4 * pixel + 3])  // K'
        for channel in 0..<3 {
            let ink = 255 - Int32(buffer[4 * pixel + channel])
            let product = ink * light + 128
            let quotient = (product + (product >> 8)) >> 8  // product / 255, exact for products of two bytes
            buffer[3 * pixel + channel] = UInt8(max(0, light - quotient))
        }
    }
}
