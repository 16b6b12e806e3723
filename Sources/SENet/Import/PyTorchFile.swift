/// The tensors of a file that `torch.save` wrote, in the zip format or the one before PyTorch 1.6. The file is untrusted: its pickle is read by
/// `PickleMachine`, which executes nothing.
public struct PyTorchFile: Sendable {
    /// The state dictionary's tensors, in its order; their names as in the file, and where the file was a training checkpoint, without the
    /// keys around it.
    public private(set) var tensors: [ImportedTensor] = []
    /// Where in the checkpoint the state dictionary was: `state_dict`, say; empty if it is the whole.
    public private(set) var path = ""
    /// What the checkpoint calls its architecture, as timm's training program does.
    public private(set) var architecture: String?

    /// A pickle larger than this describes no network.
    private static let pickleLimit = 64 << 20
    /// Keys under which training programs keep a state dictionary.
    static let knownKeys = ["state_dict", "model", "model_state_dict", "model_state", "net", "network", "weights", "params"]

    /// - Parameters:
    ///   - source: the file's name, for messages.
    ///   - key: where in the checkpoint the state dictionary is; nil to look under the usual keys.
    /// - Throws: `ModelError.weights` if the file is damaged, holds anything but tensors and containers, or no state dictionary.
    public init(_ bytes: UnsafeRawBufferPointer, source: String, key: String? = nil) throws(ModelError) {
        let content: PickleContent
        let places: [String: Int]
        if bytes.starts(with: ZipDirectory.signature) {
            (content, places) = try Self.readZip(bytes, source: source)
        } else {
            (content, places) = try Self.readSequence(bytes, source: source)
        }
        try find(content, key: key, source: source)
        if case .text(let name)? = content.entries(content.top)?.first(where: { $0.key == "arch" })?.value { architecture = name }
        let entries = content.entries(stateDictionary) ?? []
        var total = 0
        for (name, value) in entries {
            guard case .tensor(let number) = value else { continue }
            let tensor = content.tensors[number]
            let storage = content.storages[tensor.storage]
            guard let start = places[storage.key] else {
                throw .weights("\(source): the storage '\(storage.key)' of tensor '\(name)' is missing")
            }
            tensors.append(Self.tensor(name, tensor, storage.elementType, start: start))
            total += tensor.shape.reduce(1, *) * storage.elementType.byteCount
        }
        // Tensors may share storage; a small file that becomes a large one is not a checkpoint.
        guard total <= 4 * bytes.count else {
            throw .weights("\(source): its tensors would take \(total) bytes, the file has \(bytes.count)")
        }
    }

    private var stateDictionary = PickleValue.none

    /// Finds the state dictionary: the dictionary itself if it has tensors, or the first of the usual keys in it.
    private mutating func find(_ content: PickleContent, key: String?, source: String) throws(ModelError) {
        var value = content.top
        var keys: [String] = []
        var wanted = key?.split(separator: ".").map(String.init)
        for _ in 0..<4 {
            guard let entries = content.entries(value) else { break }
            let dictionary = Dictionary(entries.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
            if let next = wanted?.first {
                guard let inner = dictionary[next] else {
                    throw .weights("\(source): no '\(next)' in it; it has: \(entries.map(\.key).prefix(12).joined(separator: ", "))")
                }
                wanted?.removeFirst()
                keys.append(next)
                value = inner
            } else if entries.contains(where: { if case .tensor = $0.value { true } else { false } }) {
                (stateDictionary, path) = (value, keys.joined(separator: "."))
                return
            } else if let next = Self.knownKeys.first(where: { dictionary[$0].flatMap(content.entries)?.isEmpty == false }) {
                keys.append(next)
                value = dictionary[next] ?? .none
            } else {
                let found = entries.map(\.key).prefix(12).joined(separator: ", ")
                throw .weights("\(source): no state dictionary under \(Self.knownKeys.joined(separator: ", ")); it has: \(found)")
            }
        }
        throw .weights("\(source): no dictionary of tensors in it")
    }

    private static func tensor(_ name: String, _ tensor: PickleTensor, _ type: SafeTensors.ElementType, start: Int) -> ImportedTensor {
        let first = start + tensor.offset * type.byteCount
        var (expected, isContiguous) = (1, true)
        for (size, stride) in zip(tensor.shape, tensor.strides).reversed() where size != 1 {
            isContiguous = isContiguous && stride == expected
            expected *= size
        }
        let bytes = expected * type.byteCount
        return ImportedTensor(
            name: name, shape: tensor.shape,
            values: isContiguous || expected == 0
                ? .stored(type, [first..<first + bytes]) : .strided(type, start: first, strides: tensor.strides))
    }
}

extension PyTorchFile {
    /// The zip format: `…/data.pkl`, and a member `…/data/KEY` for each storage. Returns where each storage begins, by key.
    private static func readZip(_ bytes: UnsafeRawBufferPointer, source: String) throws(ModelError) -> (PickleContent, [String: Int]) {
        let directory = try ZipDirectory(bytes, source: source)
        let pickles = directory.members.keys.filter { $0.hasSuffix("/data.pkl") && $0.utf8.count(where: { $0 == UInt8(ascii: "/") }) == 1 }
        guard let name = pickles.first, pickles.count == 1, let range = directory.members[name] else {
            throw .weights("\(source): a zip file, but not PyTorch's: it has no data.pkl")
        }
        let folder = name.dropLast("data.pkl".count)
        guard directory.members["\(folder)constants.pkl"] == nil else {
            throw .weights("\(source): a TorchScript program; save its tensors: torch.save(torch.jit.load(FILE).state_dict(), NEW)")
        }
        if let order = directory.members["\(folder)byteorder"], !bytes[order].elementsEqual("little".utf8) {
            throw .weights("\(source): written on a big-endian machine, which is not supported")
        }
        guard range.count <= pickleLimit else { throw .weights("\(source): a pickle of \(range.count) bytes describes no network") }
        var machine = PickleMachine(ByteReader(bytes, source: source, range: range))
        let content = try machine.run()
        var places: [String: Int] = [:]
        for storage in content.storages {
            guard let range = directory.members["\(folder)data/\(storage.key)"] else { continue }
            guard storage.count <= range.count / storage.elementType.byteCount else { throw short(storage, range.count, source) }
            places[storage.key] = range.lowerBound
        }
        return (content, places)
    }

    /// A magic number of ten bytes as a pickle.
    private static let magic: [UInt8] = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]

    /// The format before 1.6: pickles of a magic number, the version, facts about the system, the object, and the storages' keys; then for each
    /// key a count and the elements.
    private static func readSequence(_ bytes: UnsafeRawBufferPointer, source: String) throws(ModelError) -> (PickleContent, [String: Int]) {
        guard bytes.count > 15, bytes[0] == 0x80, bytes[2..<15].elementsEqual(magic) else {
            throw .weights("\(source): not a file that torch.save wrote")
        }
        var reader = ByteReader(bytes, source: source, range: 15..<bytes.count)
        var contents: [PickleContent] = []
        for _ in 0..<4 {
            let limited = ByteReader(bytes, source: source, range: reader.position..<min(reader.end, reader.position + pickleLimit))
            var machine = PickleMachine(limited)
            contents.append(try machine.run())
            _ = try reader.take(UInt64(machine.reader.position - reader.position))
        }
        guard contents[0].top == .integer(1001) else { throw .weights("\(source): a version of PyTorch's format that is not known") }
        if contents[1].entries(contents[1].top)?.contains(where: { $0 == ("little_endian", .bool(false)) }) == true {
            throw .weights("\(source): written on a big-endian machine, which is not supported")
        }
        let storages = Dictionary(contents[2].storages.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        var places: [String: Int] = [:]
        for key in contents[3].items(contents[3].top) ?? [] {
            guard case .text(let name) = key, let storage = storages[name] else { throw reader.damaged("a storage that no tensor has") }
            let count = try reader.number(UInt64.self)
            guard count == UInt64(storage.count) else { throw short(storage, Int(clamping: count), source) }
            let (size, overflow) = count.multipliedReportingOverflow(by: UInt64(storage.elementType.byteCount))
            places[name] = try reader.take(overflow ? .max : size).lowerBound
        }
        return (contents[2], places)
    }

    private static func short(_ storage: PickleStorage, _ found: Int, _ source: String) -> ModelError {
        .weights("\(source): the storage '\(storage.key)' should have \(storage.count) elements, the file has \(found) for it")
    }
}
