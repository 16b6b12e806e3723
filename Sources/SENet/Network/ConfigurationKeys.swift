/// Keys of a `config.json` that are not read. Most say nothing about the answer (where a checkpoint came from, how it was trained) and are passed
/// over; those that would change it are refused.
extension Decoder {
    /// - Parameter known: the keys that are read.
    /// - Throws: `DecodingError` naming the first key that would change the answer.
    func refuseKeysThatMatter(besides known: [String]) throws {
        let values = try container(keyedBy: AnyKey.self)
        func refuse(_ key: AnyKey, _ why: String) throws -> Never {
            throw DecodingError.dataCorruptedError(forKey: key, in: values, debugDescription: why)
        }
        for key in values.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) where !known.contains(key.stringValue) {
            let name = key.stringValue
            let isNull = try values.decodeNil(forKey: key)
            if isNull { continue }
            if ModelArguments.structuralKeys.contains(name) { try refuse(key, "this key belongs under model_args") }
            if let neutral = harmlessValues[name] {
                guard let value = try? values.decode(PlainValue.self, forKey: key), neutral.contains(value) else {
                    try refuse(key, "this key would change what the network computes, and is not supported")
                }
            }
            // transformers has a key `architectures` of its own.
            let meant = known.filter { !["architecture", "tag", "license"].contains($0) }.first { name.isMisspelling(of: $0) }
            if let meant { try refuse(key, "this key is not known; is '\(meant)' meant?") }
        }
    }
}

/// Keys of timm's and transformers' that would change the answer, and the values with which they do not.
private let harmlessValues: [String: [PlainValue]] = [
    "global_pool": [.text("avg"), .text("")], "label_offset": [.number(0)], "output_stride": [.number(32)], "features_only": [.bool(false)],
    "pruned": [.bool(false)], "quantization_config": [], "quantization": [],
]

private enum PlainValue: Decodable, Equatable {
    case bool(Bool)
    case number(Double)
    case text(String)

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else {
            self = .text(try value.decode(String.self))
        }
    }
}

extension String {
    /// Whether it is `word` but for one letter too many, too few or another, for its ending, or for how its parts are joined: `crop_pc`,
    /// `num_class`, `input-size`.
    fileprivate func isMisspelling(of word: String) -> Bool {
        let (ours, theirs) = (letters, word.letters)
        guard ours != theirs else { return true }
        let (short, long) = ours.count < theirs.count ? (ours, theirs) : (theirs, ours)
        guard long.count - short.count <= 2, short.count >= 3 else { return false }
        if long.starts(with: short) { return true }
        let front = zip(short, long).prefix { $0 == $1 }.count
        let rest = long.dropFirst(front + 1)
        return short.dropFirst(short.count == long.count ? front + 1 : front).elementsEqual(rest)
    }

    private var letters: [Character] { lowercased().filter { $0.isLetter || $0.isNumber }.map { $0 } }
}
