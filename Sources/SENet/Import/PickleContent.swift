/// A value that a pickle may build here: numbers, text, containers, tensors. Containers are numbered, so that no depth of nesting is a depth
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

/// The functions that a checkpoint of plain tensors calls. What they do is done here; nothing is ever executed.
enum PickleFunction: String, Sendable {
    case rebuildTensor = "torch._utils._rebuild_tensor"
    case rebuildTensorV2 = "torch._utils._rebuild_tensor_v2"
    case rebuildParameter = "torch._utils._rebuild_parameter"
    case orderedDictionary = "collections.OrderedDict"
    case size = "torch.Size"
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
