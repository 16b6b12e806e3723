/// An image file whose header has been read and found within the limits. Its pixels come in rows, from the top, as red, green and blue: no
/// more of them is held than the format asks for.
protocol RowDecoder: AnyObject {
    /// Of the rows that come: less than the file's where it is decoded at a reduced scale.
    var width: Int { get }
    var height: Int { get }

    /// Takes the memory that decoding needs. Of the rows only `columns` of `rows` will matter; the others may hold anything.
    func start(columns: Range<Int>, rows: Range<Int>, limit: DecodeLimit) throws(ImageError)
    /// Writes the next `count` rows, (count, width, 3).
    func read(_ count: Int, into rows: UnsafeMutablePointer<UInt8>) throws(ImageError)
    /// After the last row: reads the end of the file, and tells what was passed over.
    func finish() throws(ImageError) -> [String]
}

/// An opened file, and what it says.
struct OpenedImage {
    var rows: any RowDecoder
    var description: ImageDescription
    var cost: DecodeCost
}

/// Rows of an image in memory.
final class MemoryRows: RowDecoder {
    private let image: RGBImage
    private var next = 0

    init(_ image: RGBImage) { self.image = image }

    var width: Int { image.width }
    var height: Int { image.height }

    func start(columns: Range<Int>, rows: Range<Int>, limit: DecodeLimit) {}

    func read(_ count: Int, into rows: UnsafeMutablePointer<UInt8>) {
        let bytes = 3 * image.width
        image.pixels.withUnsafeBufferPointer { pixels in
            if let base = pixels.baseAddress { rows.update(from: base + next * bytes, count: count * bytes) }
        }
        next += count
    }

    func finish() -> [String] { [] }
}

/// What an answer says of bytes that belong to no image.
func noteTrailingBytes(_ count: Int) -> String {
    count == 1 ? "1 byte behind the image's end was passed over" : "\(count) bytes behind the image's end were passed over"
}
