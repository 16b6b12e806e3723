/// RFC 4648.
enum Base64 {
    /// 64 for what is passed over, 255 for what is none.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, character) in alphabet.enumerated() {
            values[Int(character)] = UInt8(value)
        }
        values[Int(UInt8(ascii: "-"))] = 62
        values[Int(UInt8(ascii: "_"))] = 63
        for blank in [0x20, 0x0A, 0x0D, 0x09] { values[blank] = 64 }
        return values
    }()

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Padded.
    static func encode(_ bytes: [UInt8]) -> String {
        let count = (bytes.count + 2) / 3 * 4
        return String(unsafeUninitializedCapacity: count) { text in
            for group in 0..<count / 4 {
                let at = 3 * group
                let left = bytes.count - at
                let bits = UInt32(bytes[at]) << 16 | (left > 1 ? UInt32(bytes[at + 1]) << 8 : 0) | (left > 2 ? UInt32(bytes[at + 2]) : 0)
                for character in 0..<4 {
                    let isPadding = character > left
                    text[4 * group + character] = isPadding ? UInt8(ascii: "=") : alphabet[Int(bits >> (18 - 6 * character) & 63)]
                }
            }
            return count
        }
    }

    /// What base64 in either alphabet stands for, padded or not, with blanks and line breaks; as it stands in a JSON string, where slashes and
    /// line breaks may be escaped.
    ///
    /// - Returns: nil where it is none.
    static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
        var isValid = true
        let decoded = [UInt8](unsafeUninitializedCapacity: text.count / 4 * 3 + 3) { bytes, count in
            values.withUnsafeBufferPointer { values in
                var (bits, kept, padding): (UInt32, Int, Int) = (0, 0, 0)
                var at = 0
                while at < text.count {
                    // Four characters at a time as long as they are all of the alphabet.
                    while kept == 0, padding == 0, text.count - at >= 4 {
                        let (a, b, c, d) = (
                            values[Int(text[at])], values[Int(text[at + 1])], values[Int(text[at + 2])], values[Int(text[at + 3])]
                        )
                        guard a | b | c | d < 64 else { break }
                        bytes[count] = a << 2 | b >> 4
                        bytes[count + 1] = b << 4 | c >> 2
                        bytes[count + 2] = c << 6 | d
                        count += 3
                        at += 4
                    }
                    guard at < text.count else { break }
                    var character = text[at]
                    at += 1
                    if character == UInt8(ascii: "\\"), at < text.count {
                        // An escaped slash is itself; an escaped n, r or t is a blank.
                        character = text[at] == UInt8(ascii: "/") ? text[at] : "nrt".utf8.contains(text[at]) ? 0x20 : 0
                        at += 1
                    }
                    let value = values[Int(character)]
                    if character == UInt8(ascii: "=") {
                        padding += 1
                    } else if value < 64, padding == 0 {
                        bits = bits << 6 | UInt32(value)
                        kept += 1
                        if kept == 4 {
                            bytes[count] = UInt8(truncatingIfNeeded: bits >> 16)
                            bytes[count + 1] = UInt8(truncatingIfNeeded: bits >> 8)
                            bytes[count + 2] = UInt8(truncatingIfNeeded: bits)
                            count += 3
                            (bits, kept) = (0, 0)
                        }
                    } else if value != 64 {
                        isValid = false
                        return
                    }
                }
                // Padding fills a group.
                isValid = padding == 0 || kept + padding == 4
                switch kept {
                case 0: break
                case 2:
                    bytes[count] = UInt8(truncatingIfNeeded: bits >> 4)
                    count += 1
                case 3:
                    bytes[count] = UInt8(truncatingIfNeeded: bits >> 10)
                    bytes[count + 1] = UInt8(truncatingIfNeeded: bits >> 2)
                    count += 2
                default: isValid = false
                }
            }
        }
        return isValid ? decoded : nil
    }
}
