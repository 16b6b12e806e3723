import SENet

/// A value that a pickle may build here: numbers, text, containers, tensors. `none` stands for what is dropped, too. Containers are numbered, so that no depth of nesting is a depth
/// of recursion.
enum PickleValue: Sendable, Equatable {
    case none
    case bool(Bool)
    case integer(Int)
    case real(Double)
    case text(String)
    /// A tuple, list, dictionary or set: its number.
    case container(Int)
    case function(PickleFunction)
    case storageType(SafeTensors.ElementType)
    /// A run of elements outside the pickle: its number.
    case storage(Int)
    /// Its number.
    case tensor(Int)
}

/// What a pickle of tensors and plain values may call. What the calls do is done here; nothing is ever executed.
enum PickleFunction: Sendable {
    case rebuildTensor
    /// Of a tensor, the first argument.
    case rebuildParameter
    case orderedDictionary
    case size
    /// An object that is its attributes, or a dictionary with more methods: a dictionary here.
    case dictionary
    case list
    /// A value that is part of no network, such as a path or a date: dropped.
    case dropped

    /// - Parameter global: module and name, `collections.OrderedDict`.
    init?(_ global: String) {
        // What Python 2 called it; pickles of protocol 2 still do.
        let name = global.hasPrefix("__builtin__.") ? "builtins." + global.dropFirst("__builtin__.".count) : global
        guard let function = Self.named[name] else { return nil }
        self = function
    }

    private static let named: [String: PickleFunction] = {
        var named: [String: PickleFunction] = [
            "torch._utils._rebuild_tensor": .rebuildTensor, "torch._utils._rebuild_tensor_v2": .rebuildTensor,
            "torch._utils._rebuild_parameter": .rebuildParameter, "torch._utils._rebuild_parameter_with_state": .rebuildParameter,
            "collections.OrderedDict": .orderedDictionary, "torch.Size": .size, "collections.deque": .list,
        ]
        let dictionaries = [
            "argparse.Namespace", "types.SimpleNamespace", "collections.defaultdict", "easydict.EasyDict",
            "pytorch_lightning.utilities.parsing.AttributeDict", "lightning.pytorch.utilities.parsing.AttributeDict",
            "lightning_fabric.utilities.data.AttributeDict", "lightning.fabric.utilities.data.AttributeDict",
        ]
        let builtins = ["bool", "bytearray", "complex", "dict", "float", "frozenset", "int", "list", "set", "slice", "str", "tuple"]
        let types = [
            "bfloat16", "bool", "complex64", "float", "float16", "float32", "float64", "half", "int16", "int32", "int64", "int8", "uint8",
        ]
        let dropped =
            builtins.map { "builtins.\($0)" } + types.map { "torch.\($0)" } + [
                "_codecs.encode", "collections.Counter", "datetime.date", "datetime.datetime", "datetime.timedelta", "decimal.Decimal",
                "numpy.core.multiarray._reconstruct", "numpy.core.multiarray.scalar", "numpy._core.multiarray._reconstruct",
                "numpy._core.multiarray.scalar", "numpy.dtype", "numpy.ndarray", "pathlib.Path", "pathlib.PosixPath", "pathlib.PurePath",
                "pathlib.PurePosixPath", "pathlib.WindowsPath", "pathlib._local.PosixPath", "torch.device", "uuid.UUID",
            ]
        for name in dictionaries { named[name] = .dictionary }
        for name in dropped { named[name] = .dropped }
        return named
    }()
}

/// Elements that tensors view: where they lie is known to the file around the pickle.
struct PickleStorage: Sendable, Equatable {
    var key: String
    var elementType: SafeTensors.ElementType
    var count: Int
}

/// A tensor as a view of a storage; offset and strides in elements.
struct PickleTensor: Sendable, Equatable {
    var storage: Int
    var offset: Int
    var shape: [Int]
    var strides: [Int]
}

/// What a pickle contains. `items` of a dictionary: key, value, key, value, ….
struct PickleContent: Sendable {
    enum Kind: Sendable {
        case tuple, list, dictionary, set
    }

    var top = PickleValue.none
    var containers: [(kind: Kind, items: [PickleValue])] = []
    var storages: [PickleStorage] = []
    var tensors: [PickleTensor] = []

    /// The elements of a tuple or a list.
    func items(_ value: PickleValue) -> [PickleValue]? {
        guard case .container(let index) = value, containers[index].kind != .dictionary else { return nil }
        return containers[index].items
    }

    /// The entries of a dictionary whose keys are texts, in order.
    func entries(_ value: PickleValue) -> [(key: String, value: PickleValue)]? {
        guard case .container(let index) = value, containers[index].kind == .dictionary else { return nil }
        let items = containers[index].items
        return stride(from: 0, to: items.count - 1, by: 2).compactMap {
            if case .text(let key) = items[$0] { (key, items[$0 + 1]) } else { nil }
        }
    }
}
