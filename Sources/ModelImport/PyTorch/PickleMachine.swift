import SENet

/// Reads a pickle, protocols 2 to 5, that holds tensors, containers and plain values only; every other global is refused by its name.
///
/// Source of the opcodes: Python's `pickletools`; of the functions and the persistent ids: PyTorch's serialization.
struct PickleMachine {
    /// Operations that one pickle may take; a training checkpoint with optimiser takes about 50,000. Each makes at most one value.
    private static let operationLimit = 1_000_000

    private(set) var reader: ByteReader
    private var stack: [PickleValue] = []
    /// Heights of the stack.
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    private var content = PickleContent()
    private var storageNumbers: [String: Int] = [:]
    private var itemCount = 0

    init(_ reader: ByteReader) { self.reader = reader }

    /// Runs one pickle to its end; the reader stays behind it.
    ///
    /// - Throws: `ModelError.weights` for damage, for a global that is not allowed, and where a limit is passed.
    mutating func run() throws(ModelError) -> PickleContent {
        for _ in 0..<Self.operationLimit {
            let opcode = try reader.byte()
            if opcode == UInt8(ascii: ".") {
                content.top = try pop()
                return content
            }
            try step(opcode)
        }
        throw reader.damaged("a pickle of more than \(Self.operationLimit) operations; a checkpoint of tensors has far fewer")
    }

    private func damaged(_ what: String) -> ModelError { reader.damaged("pickle at byte \(reader.position): \(what)") }

    private mutating func pop() throws(ModelError) -> PickleValue {
        guard stack.count > (marks.last ?? 0), let value = stack.popLast() else { throw damaged("takes a value that is not there") }
        return value
    }

    /// The values above the last mark, which is removed.
    private mutating func popToMark() throws(ModelError) -> [PickleValue] {
        guard let mark = marks.popLast() else { throw damaged("a mark is missing") }
        defer { stack.removeSubrange(mark...) }
        return Array(stack[mark...])
    }

    private mutating func push(_ kind: PickleContent.Kind, _ items: [PickleValue]) throws(ModelError) {
        try count(items)
        content.containers.append((kind, items))
        stack.append(.container(content.containers.count - 1))
    }

    /// A list that is copied again and again must not fill the memory.
    private mutating func count(_ items: [PickleValue]) throws(ModelError) {
        itemCount += items.count
        guard itemCount <= 4 * Self.operationLimit else { throw damaged("containers of more than \(4 * Self.operationLimit) values") }
    }

    /// Appends to the container on top of the stack.
    private mutating func append(_ items: [PickleValue], to kinds: [PickleContent.Kind]) throws(ModelError) {
        guard case .container(let index)? = stack.last, kinds.contains(content.containers[index].kind) else {
            throw damaged("adds to something that is no container of that kind")
        }
        guard content.containers[index].kind != .dictionary || items.count % 2 == 0 else { throw damaged("a key without a value") }
        try count(items)
        content.containers[index].items.append(contentsOf: items)
    }

    private mutating func step(_ opcode: UInt8) throws(ModelError) {
        switch Character(UnicodeScalar(opcode)) {
        case "\u{80}": _ = try reader.byte()  // PROTO
        case "\u{95}": _ = try reader.number(UInt64.self)  // FRAME
        case "(": marks.append(stack.count)
        case "0": _ = try pop()
        case "1": _ = try popToMark()
        case "N": stack.append(.none)
        case "\u{88}": stack.append(.bool(true))
        case "\u{89}": stack.append(.bool(false))
        case "K": stack.append(.integer(Int(try reader.byte())))
        case "M": stack.append(.integer(Int(try reader.number(UInt16.self))))
        case "J": stack.append(.integer(Int(try reader.number(Int32.self))))
        case "\u{8a}": stack.append(try long(UInt64(try reader.byte())))
        case "\u{8b}": stack.append(try long(UInt64(try reader.number(UInt32.self))))
        case "G": stack.append(.real(Double(bitPattern: try reader.number(UInt64.self).byteSwapped)))
        case "X", "T", "B": stack.append(.text(try reader.text(UInt64(try reader.number(UInt32.self)))))
        case "\u{8c}", "U", "C": stack.append(.text(try reader.text(UInt64(try reader.byte()))))
        case "\u{8d}", "\u{8e}", "\u{96}": stack.append(.text(try reader.text(try reader.number(UInt64.self))))
        case ")": try push(.tuple, [])
        case "]": try push(.list, [])
        case "}": try push(.dictionary, [])
        case "\u{8f}": try push(.set, [])
        case "t": try push(.tuple, try popToMark())
        case "\u{85}": try push(.tuple, [try pop()])
        case "\u{86}": try push(.tuple, try popSome(2))
        case "\u{87}": try push(.tuple, try popSome(3))
        case "a": try append([try pop()], to: [.list])
        case "e": try append(try popToMark(), to: [.list])
        case "s": try append(try popSome(2), to: [.dictionary])
        case "u": try append(try popToMark(), to: [.dictionary])
        case "\u{90}": try append(try popToMark(), to: [.set])
        case "q": memo[Int(try reader.byte())] = try top()
        case "r": memo[Int(try reader.number(UInt32.self))] = try top()
        case "\u{94}": memo[memo.count] = try top()
        case "h": try recall(Int(try reader.byte()))
        case "j": try recall(Int(try reader.number(UInt32.self)))
        case "c": try push(global: try reader.line(), try reader.line())
        case "\u{93}":
            let names = try popSome(2)
            guard case .text(let module) = names[0], case .text(let name) = names[1] else { throw damaged("a global without a name") }
            try push(global: module, name)
        case "Q": stack.append(try storage(try pop()))
        case "R":
            let call = try popSome(2)
            try push(calling: call[0], with: call[1])
        case "\u{81}":
            let call = try popSome(2)
            try push(making: call[0])
        case "b": _ = try pop()  // attributes: of an ordered dictionary (`_metadata`), of tensors, of what is dropped
        case "i":
            try push(global: try reader.line(), try reader.line())
            fallthrough
        case "o", "\u{92}": throw damaged("builds an object that is neither a tensor nor a container nor a plain value: refused")
        default: throw damaged("the operation 0x\(String(opcode, radix: 16)) is not one of a checkpoint")
        }
    }

    private func top() throws(ModelError) -> PickleValue {
        guard stack.count > (marks.last ?? 0), let value = stack.last else { throw damaged("remembers a value that is not there") }
        return value
    }

    private mutating func popSome(_ count: Int) throws(ModelError) -> [PickleValue] {
        var values: [PickleValue] = []
        for _ in 0..<count { values.append(try pop()) }
        return values.reversed()
    }

    private mutating func recall(_ number: Int) throws(ModelError) {
        guard let value = memo[number] else { throw damaged("recalls a value that it never made") }
        stack.append(value)
    }

    /// A whole number, little-endian, two's complement. One of more than eight bytes, a seed say, is no part of a network: dropped.
    private mutating func long(_ count: UInt64) throws(ModelError) -> PickleValue {
        let bytes = try reader.bytes(count)
        guard count <= 8 else { return .none }
        let isNegative = (bytes.last ?? 0) >= 0x80
        return .integer(bytes.reversed().reduce(isNegative ? -1 : 0) { $0 << 8 | Int($1) })
    }
}

// MARK: - Globals, storages, tensors

extension PickleMachine {
    private mutating func push(global module: String, _ name: String) throws(ModelError) {
        let global = "\(module).\(name)"
        if let function = PickleFunction(global) {
            stack.append(.function(function))
        } else if module == "torch" || module == "torch.cuda", let type = SafeTensors.ElementType(storage: name) {
            stack.append(.storageType(type))
        } else {
            throw reader.damaged(
                "the pickle asks for '\(global)', which is neither a tensor nor a container nor a plain value: refused, for it "
                    + "could run any program. A file of plain tensors is read: torch.save(model.state_dict(), FILE)")
        }
    }

    /// `("storage", type, key, device, count)`, and in the older format a view, which must be the whole.
    private mutating func storage(_ identifier: PickleValue) throws(ModelError) -> PickleValue {
        guard let items = content.items(identifier), items.count >= 5, items[0] == .text("storage"),
            case .storageType(let type) = items[1], case .text(let key) = items[2], case .integer(let count) = items[4], count >= 0,
            key.utf8.count <= 1024
        else { throw damaged("a reference to something that is no storage of plain elements") }
        guard items.count == 5 || items[5] == .none else {
            throw damaged("the storage '\(key)' is a view of another, as PyTorch 0.3 wrote it")
        }
        if let number = storageNumbers[key] {
            guard content.storages[number] == PickleStorage(key: key, elementType: type, count: count) else {
                throw damaged("the storage '\(key)' is described in two ways")
            }
            return .storage(number)
        }
        content.storages.append(PickleStorage(key: key, elementType: type, count: count))
        storageNumbers[key] = content.storages.count - 1
        return .storage(content.storages.count - 1)
    }

    private mutating func push(calling call: PickleValue, with arguments: PickleValue) throws(ModelError) {
        guard case .function(let function) = call, let items = content.items(arguments) else {
            throw damaged("calls something that is no function")
        }
        switch function {
        case .rebuildTensor: stack.append(try tensor(items))
        case .rebuildParameter:
            guard case .tensor? = items.first else { throw damaged("a parameter that is no tensor") }
            stack.append(items[0])
        case .size:
            guard let sizes = items.first else { throw damaged("a size without numbers") }
            stack.append(sizes)
        case .orderedDictionary:
            // Empty, or from a list of pairs.
            try push(.dictionary, try items.first.map { (list) throws(ModelError) in try pairs(list) } ?? [])
        case .dictionary, .list, .dropped: try push(making: call)
        }
    }

    /// An empty object of a class; its arguments are dropped.
    private mutating func push(making type: PickleValue) throws(ModelError) {
        switch type {
        case .function(.dictionary), .function(.orderedDictionary): try push(.dictionary, [])
        case .function(.list): try push(.list, [])
        case .function(.dropped): stack.append(.none)
        default: throw damaged("builds an object that is neither a tensor nor a container nor a plain value: refused")
        }
    }

    private func pairs(_ list: PickleValue) throws(ModelError) -> [PickleValue] {
        var pairs: [PickleValue] = []
        for pair in content.items(list) ?? [] {
            guard let items = content.items(pair), items.count == 2 else {
                throw damaged("an ordered dictionary of something else than pairs")
            }
            pairs += items
        }
        return pairs
    }

    /// `(storage, offset, shape, strides, …)`: checked to lie in its storage and to have no more elements.
    private mutating func tensor(_ arguments: [PickleValue]) throws(ModelError) -> PickleValue {
        func integers(_ value: PickleValue) -> [Int]? {
            guard let items = content.items(value), items.count <= 8 else { return nil }
            let integers = items.compactMap { if case .integer(let integer) = $0, integer >= 0 { integer } else { nil } }
            return integers.count == items.count ? integers : nil
        }
        guard arguments.count >= 4, case .storage(let number) = arguments[0], case .integer(let offset) = arguments[1], offset >= 0,
            let shape = integers(arguments[2]), let strides = integers(arguments[3]), shape.count == strides.count
        else { throw damaged("a tensor that is not described as one") }
        let storage = content.storages[number]
        if shape.contains(0), offset <= storage.count {
            content.tensors.append(PickleTensor(storage: number, offset: offset, shape: [0], strides: [1]))
            return .tensor(content.tensors.count - 1)
        }
        var (count, last, overflow) = (1, offset, false)
        for (size, stride) in zip(shape, strides) {
            let (product, first) = count.multipliedReportingOverflow(by: size)
            let (span, second) = (size - 1).multipliedReportingOverflow(by: stride)
            let (sum, third) = last.addingReportingOverflow(span)
            (count, last, overflow) = (product, sum, overflow || first || second || third)
        }
        guard !overflow, count <= storage.count, last < storage.count else {
            throw damaged("a tensor \(shape) does not fit into its storage of \(storage.count) elements")
        }
        content.tensors.append(PickleTensor(storage: number, offset: offset, shape: shape, strides: strides))
        return .tensor(content.tensors.count - 1)
    }
}

extension SafeTensors.ElementType {
    /// From the name of PyTorch's storage class.
    fileprivate init?(storage name: String) {
        switch name {
        case "FloatStorage": self = .float32
        case "HalfStorage": self = .float16
        case "BFloat16Storage": self = .bfloat16
        case "DoubleStorage": self = .float64
        case "LongStorage": self = .int64
        case "IntStorage": self = .int32
        case "ShortStorage": self = .int16
        case "CharStorage": self = .int8
        case "ByteStorage": self = .uint8
        case "BoolStorage": self = .bool
        default: return nil
        }
    }
}
