import CPNG

/// A chunk of text that is of use here, `tEXt`, `zTXt` or `iTXt`: a keyword, and what is said under it.
struct PNGText {
    enum Keyword: String, CaseIterable {
        case exif
        case rawProfile = "Raw profile type exif"
        case xmp = "XML:com.adobe.xmp"
    }

    let keyword: Keyword
    /// As it lies in the file.
    let stored: UnsafeRawBufferPointer
    private let isCompressed: Bool

    init?(plain chunk: UnsafeRawBufferPointer) {
        guard let (keyword, rest) = Self.split(chunk) else { return nil }
        (self.keyword, stored, isCompressed) = (keyword, UnsafeRawBufferPointer(rebasing: rest), false)
    }

    /// Behind the keyword: the method of compression, of which there is one.
    init?(compressed chunk: UnsafeRawBufferPointer) {
        guard let (keyword, rest) = Self.split(chunk), rest.first == 0 else { return nil }
        (self.keyword, stored, isCompressed) = (keyword, UnsafeRawBufferPointer(rebasing: rest.dropFirst()), true)
    }

    /// Behind the keyword: whether the text is compressed, the method, a language, the keyword in that language.
    init?(international chunk: UnsafeRawBufferPointer) {
        guard let (keyword, rest) = Self.split(chunk), rest.count >= 2 else { return nil }
        let (isCompressed, method) = (rest[rest.startIndex] != 0, rest[rest.startIndex + 1])
        let parts = rest.dropFirst(2).split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, !isCompressed || method == 0 else { return nil }
        (self.keyword, stored, self.isCompressed) = (keyword, UnsafeRawBufferPointer(rebasing: parts[2]), isCompressed)
    }

    /// A keyword that is of use, and what lies behind its end.
    private static func split(_ chunk: UnsafeRawBufferPointer) -> (Keyword, Slice<UnsafeRawBufferPointer>)? {
        for keyword in Keyword.allCases where chunk.starts(with: keyword.rawValue.utf8) {
            let rest = chunk.dropFirst(keyword.rawValue.utf8.count)
            if rest.first == 0 { return (keyword, rest.dropFirst()) }
        }
        return nil
    }

    /// Nothing where it is damaged, or larger than Pillow reads it: a mebibyte.
    func withContent<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        guard isCompressed else { return body(stored) }
        let content = [UInt8](unsafeUninitializedCapacity: 1 << 20) { content, count in
            var length = uLongf(content.count)
            let source = stored.baseAddress?.assumingMemoryBound(to: UInt8.self)
            let status = uncompress(content.baseAddress, &length, source, uLong(stored.count))
            count = status == Z_OK ? Int(length) : 0
        }
        return content.withUnsafeBytes(body)
    }

    /// The bytes of a "Raw profile", as ImageMagick writes them: a line feed, a name, a length, each on a line of its own; then hexadecimal
    /// digits on lines of some length. Nil where there are other characters.
    var profile: [UInt8]? {
        withContent { text in
            let digits = text.split(separator: 0x0A, maxSplits: 3, omittingEmptySubsequences: false).dropFirst(3).first
            var bytes: [UInt8] = []
            var half: UInt8?
            for character in digits ?? text[text.endIndex...] {
                let digit: UInt8
                switch character {
                case 0x09...0x0D, 0x20: continue
                case 0x30...0x39: digit = character - 0x30
                case 0x41...0x46, 0x61...0x66: digit = (character | 0x20) - 0x61 + 10
                default: return nil
                }
                if let upper = half { bytes.append(upper << 4 | digit) }
                half = half == nil ? digit : nil
            }
            return half == nil ? bytes : nil
        }
    }
}
