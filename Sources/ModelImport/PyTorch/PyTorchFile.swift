import SENet

/// The tensors of a file that `torch.save` wrote, in the zip format or the one before PyTorch 1.6. The file is untrusted: its pickle is read by
/// `PickleMachine`, which executes nothing.
struct PyTorchFile: Sendable {
    /// The state dictionary's tensors, in its order; their names as in the file, and where the file was a training checkpoint, without the
    /// keys around it.
    private(set) var tensors: [ImportedTensor] = []
    /// Where in the checkpoint the state dictionary was, keys joined by dots: `state_dict`, say; empty if it is the whole.
    let key: String
    /// The other state dictionaries of the checkpoint: their keys, and how many tensors each has.
    let others: [(key: String, count: Int)]
    /// What the checkpoint calls its architecture, as timm's training program does.
    let architecture: String?

    /// A pickle larger than this describes no network.
    private static let pickleLimit = 64 << 20

    /// - Parameter key: where in the checkpoint the state dictionary is; nil to look under the usual keys.
    /// - Throws: `ModelError.weights` if the file is damaged, holds anything but tensors, containers and plain values, or no state
    ///   dictionary; `.file` if it cannot be read.
    init(_ file: InputFile, key: String? = nil) throws(ModelError) {
        let (content, places) = Self.isZip(file) ? try Self.readZip(file) : try Self.readSequence(file)
        let source = file.path
        let found = try content.stateDictionary(key: key, source: source)
        self.key = found.key
        others = content.stateDictionaries.filter { $0.key != found.key }.map { ($0.key, $0.tensors.count) }
        if case .text(let name)? = content.entries(content.top)?.first(where: { $0.key == "arch" })?.value {
            architecture = name
        } else {
            architecture = nil
        }
        var total = 0
        for (name, number) in found.tensors {
            let tensor = content.tensors[number]
            let storage = content.storages[tensor.storage]
            guard let start = places[storage.key] else {
                throw .weights("\(source): the storage '\(storage.key)' of tensor '\(name)' is missing")
            }
            tensors.append(Self.tensor(name, tensor, storage.elementType, start: start))
            total += tensor.shape.reduce(1, *) * storage.elementType.byteCount
        }
        // Tensors may share storage; a small file that becomes a large one is not a checkpoint.
        guard total <= 4 * file.count else {
            throw .weights("\(source): its tensors would take \(total) bytes, the file has \(file.count)")
        }
    }

    /// Whether a file begins as one that `torch.save` wrote: a zip file, or a pickle of protocol 2 or later.
    static func isOne(_ file: InputFile) -> Bool {
        guard !isZip(file) else { return true }
        guard let start = try? file.bytes(0..<min(file.count, 2)), start.count == 2 else { return false }
        return start[0] == 0x80 && (2...5).contains(start[1])
    }

    private static func isZip(_ file: InputFile) -> Bool {
        (try? file.bytes(0..<min(file.count, ZipDirectory.signature.count))) == ZipDirectory.signature
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
    private static func readZip(_ file: InputFile) throws(ModelError) -> (PickleContent, [String: Int]) {
        let source = file.path
        let directory = try ZipDirectory(file)
        let pickles = directory.members.keys.filter { $0.hasSuffix("/data.pkl") && $0.utf8.count(where: { $0 == UInt8(ascii: "/") }) == 1 }
        guard let name = pickles.first, pickles.count == 1, let range = directory.members[name] else {
            throw .weights("\(source): a zip file, but not PyTorch's: it has no data.pkl")
        }
        let folder = name.dropLast("data.pkl".count)
        guard directory.members["\(folder)constants.pkl"] == nil else {
            throw .weights("\(source): a TorchScript program; save its tensors: torch.save(torch.jit.load(FILE).state_dict(), NEW)")
        }
        if let order = directory.members["\(folder)byteorder"], try !Self.isLittle(file, order) {
            throw .weights("\(source): written on a big-endian machine, which is not supported")
        }
        guard range.count <= pickleLimit else { throw .weights("\(source): a pickle of \(range.count) bytes describes no network") }
        var machine = PickleMachine(ByteReader(file, range: range))
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
    private static func readSequence(_ file: InputFile) throws(ModelError) -> (PickleContent, [String: Int]) {
        let source = file.path
        var reader = ByteReader(file)
        _ = try reader.bytes(2)
        guard reader.remaining > magic.count, try reader.bytes(UInt64(magic.count)).elementsEqual(magic) else {
            throw .weights("\(source): not a file that torch.save wrote")
        }
        var contents: [PickleContent] = []
        for _ in 0..<4 {
            let limited = ByteReader(file, range: reader.position..<min(reader.end, reader.position + pickleLimit))
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

    private static func isLittle(_ file: InputFile, _ order: Range<Int>) throws(ModelError) -> Bool {
        let little = Array("little".utf8)
        guard order.count == little.count else { return false }
        return try file.bytes(order) == little
    }

    private static func short(_ storage: PickleStorage, _ found: Int, _ source: String) -> ModelError {
        .weights("\(source): the storage '\(storage.key)' should have \(storage.count) elements, the file has \(found) for it")
    }
}
