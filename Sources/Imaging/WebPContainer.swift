import CWebP

/// What lies around a WebP's pixels (RFC 9649, section 2).
struct WebPContainer {
    /// Of the whole image, in pixels.
    let width: Int
    let height: Int
    let orientation: Orientation
    /// The only picture: what is compressed of it, with its transparency, and its place in the image. An animation's single frame may be smaller
    /// than the image.
    let bitstream: UnsafeRawBufferPointer
    let columns: Range<Int>
    let rows: Range<Int>
    /// Bytes that belong to the file.
    let count: Int

    /// - Parameter bytes: must outlive this, as `bitstream` lies in them.
    init(_ bytes: UnsafeRawBufferPointer) throws(ImageError) {
        var data = WebPData(bytes: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), size: bytes.count)
        guard let demuxer = WebPDemux(&data) else { throw .corrupt("it ends too early, or its chunks contradict each other") }
        defer { WebPDemuxDelete(demuxer) }
        width = Int(WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH))
        height = Int(WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT))
        if WebPDemuxGetI(demuxer, WEBP_FF_FRAME_COUNT) > 1 { throw .unsupportedFormat("an animated WebP image") }
        var frame = WebPIterator()
        guard WebPDemuxGetFrame(demuxer, 1, &frame) != 0, frame.complete != 0 else { throw .corrupt("it ends too early") }
        defer { WebPDemuxReleaseIterator(&frame) }
        bitstream = UnsafeRawBufferPointer(start: frame.fragment.bytes, count: frame.fragment.size)
        columns = Int(frame.x_offset)..<Int(frame.x_offset) + Int(frame.width)
        rows = Int(frame.y_offset)..<Int(frame.y_offset) + Int(frame.height)
        let exif = Self.withChunk("EXIF", of: demuxer) { $0.isEmpty ? nil : Orientation.number(inEXIF: $0) }
        orientation = Orientation(exif ?? Self.withChunk("XMP ", of: demuxer, Orientation.number(inXMP:)))
        // The RIFF header: a name, the number of bytes that follow, little-endian; padded to an even number.
        let size = bytes[4..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        count = 8 + size + size % 2
    }

    /// What the first chunk of a name holds; nil without one.
    private static func withChunk(_ name: String, of demuxer: OpaquePointer, _ body: (UnsafeRawBufferPointer) -> Int?) -> Int? {
        var chunk = WebPChunkIterator()
        guard WebPDemuxGetChunk(demuxer, name, 1, &chunk) != 0 else { return nil }
        defer { WebPDemuxReleaseChunkIterator(&chunk) }
        return body(UnsafeRawBufferPointer(start: chunk.chunk.bytes, count: chunk.chunk.size))
    }
}
