import CPNG

/// A chunk of text, `tEXt`, `zTXt` or `iTXt`: a keyword, and what is said under it.
struct PNGText {
    let keyword: String
    /// As it lies in the file.
    let stored: UnsafeRawBufferPointer
    private let isCompressed: Bool

    /// Nil where it is malformed.
    init?(_ chunk: UnsafeRawBufferPointer, kind: String) {
        guard let end = chunk.prefix(80).firstIndex(of: 0) else { return nil }
        keyword = String(decoding: chunk[..<end], as: UTF8.self)
        var rest = chunk[(end + 1)...]
        switch kind {
        case "zTXt":  // the method of compression, of which there is one
            guard rest.first == 0 else { return nil }
            isCompressed = true
            rest = rest.dropFirst()
        case "iTXt":  // whether it is compressed, the method, a language, the keyword in that language
            guard rest.count >= 2 else { return nil }
            isCompressed = rest[end + 1] != 0
            if isCompressed, rest[end + 2] != 0 { return nil }
            rest = rest.dropFirst(2)
            for _ in 0..<2 {
                guard let end = rest.firstIndex(of: 0) else { return nil }
                rest = rest[(end + 1)...]
            }
        default: isCompressed = false
        }
        stored = UnsafeRawBufferPointer(rebasing: rest)
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
