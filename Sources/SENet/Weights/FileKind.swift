/// What a file is that was taken for a model's and is none: what people really hand in by mistake. Told by its first bytes.
public enum FileKind: Sendable, Equatable {
    case empty
    case gitLFSPointer
    case webPage
    case json
    case safeTensors
    /// A container of another program's: its name.
    case other(String)

    /// How many of a file's first bytes are looked at.
    public static let prefixLength = 512

    /// - Parameter prefix: the file's first bytes, `prefixLength` of them if there are as many.
    /// - Returns: nil for bytes that are not known.
    public init?(prefix: some Collection<UInt8>) {
        let text = String(decoding: prefix, as: UTF8.self).drop { $0.isWhitespace || $0 == "\u{feff}" }.lowercased()
        let signature = Self.signatures.first { prefix.starts(with: $0.bytes) }
        if prefix.isEmpty {
            self = .empty
        } else if text.hasPrefix("version https://git-lfs") {
            self = .gitLFSPointer
        } else if text.hasPrefix("<!doctype") || text.hasPrefix("<html") || text.hasPrefix("<?xml") || text.hasPrefix("<head") {
            self = .webPage
        } else if prefix.count > 9, prefix.dropFirst(5).starts(with: [0, 0, 0, UInt8(ascii: "{")]) {
            // The header's length in eight bytes, and the header.
            self = .safeTensors
        } else if text.hasPrefix("{") || text.hasPrefix("[") {
            self = .json
        } else if let signature {
            self = .other(signature.name)
        } else {
            return nil
        }
    }

    /// Of the file, nil where it cannot be read or is not known.
    public init?(of file: InputFile) {
        guard let prefix = try? file.bytes(0..<min(file.count, Self.prefixLength)) else { return nil }
        self.init(prefix: prefix)
    }

    private static let signatures: [(bytes: [UInt8], name: String)] = [
        (Array("\u{89}HDF".unicodeScalars.map { UInt8($0.value) }), "an HDF5 file, as Keras writes it"),
        (Array("GGUF".utf8), "a GGUF file"),
        ([0x93] + Array("NUMPY".utf8), "a NumPy array"),
        ([0x1f, 0x8b], "compressed with gzip: unpack it first"),
        ([0x28, 0xb5, 0x2f, 0xfd], "compressed with zstd: unpack it first"),
        ([0xfd] + Array("7zXZ".utf8), "compressed with xz: unpack it first"),
        (Array("7z".utf8) + [0xbc, 0xaf], "a 7z archive: unpack it first"),
        (Array("Rar!".utf8), "a RAR archive: unpack it first"),
        (Array("%PDF".utf8), "a PDF document"),
        ([0xff, 0xd8, 0xff], "a JPEG image"),
        ([0x89] + Array("PNG".utf8), "a PNG image"),
        ([0x7f] + Array("ELF".utf8), "a program"),
    ]

    /// What it is and what to do, for people, to follow a file's name.
    public var explanation: String {
        switch self {
        case .empty: "empty"
        case .gitLFSPointer: "a Git LFS pointer, a few lines in place of the file; fetch the file itself: git lfs pull"
        case .webPage:
            "a web page, not a model: what a site answers in place of a file, asking for a login, say; look into it and download again"
        case .json: "JSON text, not weights: what a site answers in place of a file, perhaps; look into it and download again"
        case .safeTensors:
            "a safetensors file, which needs no import: name it model.safetensors, put its config.json beside it, and give the folder to "
                + "--model"
        case .other(let name): name
        }
    }
}
