import FoundationEssentials
import SENet

/// Image files and the class that each shows, by index: what a model is evaluated on.
public struct LabelledImages: Sendable {
    public struct Item: Sendable, Equatable {
        public var path: String
        /// The index of its class.
        public var target: Int
    }

    public private(set) var items: [Item] = []
    /// Classes that the model does not have, and how many images of each were left out.
    public private(set) var leftOut: [String: Int] = [:]
    /// Whether no folder was named like a class, so that the sorted folders were taken for the classes in order.
    public private(set) var isNumberedBySorting = false

    /// A folder with a folder for each class, named as the model names it (`n02123045`) or by its index; or, where no name fits and there are
    /// as many folders as classes, by any names that sort into the classes' order.
    ///
    /// - Throws: `ModelError.file` if the folder cannot be read, or holds no image of a class of the model.
    public init(folder: String, labels: Labels) throws(ModelError) {
        let names = try ImageFiles.folders(in: folder)
        guard !names.isEmpty else { throw .file("\(folder): no folders in it; it must have one for each class, such as n02123045") }
        let indices = ClassIndices(labels)
        var targets = names.map { indices[$0] }
        if targets.allSatisfy({ $0 == nil }), names.count == labels.names.count {
            isNumberedBySorting = true
            targets = Array(names.indices)
        }
        for (name, target) in zip(names, targets) {
            let images = try ImageFiles.images(under: "\(folder)/\(name)")
            if let target {
                items += images.map { Item(path: $0, target: target) }
            } else {
                leftOut[name] = images.count
            }
        }
        guard !items.isEmpty else { throw Self.nothingFound(folder, names[0], labels) }
    }

    /// A text file with an image a line: its path, blanks, and its class by name or index, as in Caffe's `val.txt`.
    ///
    /// - Parameter root: what relative paths are relative to; nil for the list's own folder.
    /// - Throws: `ModelError.file` if the list cannot be read, a line is none, or no class is one of the model's.
    public init(list: String, root: String? = nil, labels: Labels) throws(ModelError) {
        let text: String
        do {
            text = try String(contentsOfFile: list, encoding: .utf8)
        } catch {
            throw .cannotRead(list, error)
        }
        let root = URL(filePath: root ?? URL(filePath: list).deletingLastPathComponent().path, directoryHint: .isDirectory)
        let indices = ClassIndices(labels)
        for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let line = line.trimmed
            guard !line.isEmpty, !line.hasPrefix("#") else { continue }
            guard let blank = line.lastIndex(where: \.isWhitespace) else {
                throw .file("\(list): line \(number + 1) is no path and class: '\(line)'")
            }
            let name = String(line[line.index(after: blank)...])
            guard let target = indices[name] else {
                leftOut[name, default: 0] += 1
                continue
            }
            let path = line[..<blank].trimmed
            items.append(Item(path: URL(filePath: path, relativeTo: root).path, target: target))
        }
        guard !items.isEmpty else { throw Self.nothingFound(list, leftOut.keys.min(), labels) }
    }

    private static func nothingFound(_ path: String, _ name: String?, _ labels: Labels) -> ModelError {
        let found = name.map { "; the first class here is '\($0)'" } ?? ""
        let known = labels.names.first.map { ", the model's first is '\($0)'" } ?? ""
        return .file("\(path): no image of a class that the model has\(found)\(known)")
    }
}

/// Finds classes by name, or by index.
private struct ClassIndices {
    private let count: Int
    private let named: [String: Int]

    init(_ labels: Labels) {
        count = labels.names.count
        named = Dictionary(zip(labels.names, labels.names.indices), uniquingKeysWith: { first, _ in first })
    }

    subscript(name: String) -> Int? { named[name] ?? Int(name).flatMap { (0..<count).contains($0) ? $0 : nil } }
}
