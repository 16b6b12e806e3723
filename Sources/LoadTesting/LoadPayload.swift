import FoundationEssentials

/// Bytes that stay where they are: libcurl reads a request's body while it sends it.
public final class RequestBody: Sendable {
    /// Immutable, and there as long as the body is.
    nonisolated(unsafe) let bytes: UnsafeRawBufferPointer

    init(_ data: Data) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: data.count, alignment: 1)
        copy.copyBytes(from: data)
        bytes = UnsafeRawBufferPointer(copy)
    }

    deinit { bytes.deallocate() }
}

/// The bodies that are sent in turn, read once.
public struct LoadPayload: Sendable {
    let bodies: [RequestBody]
    let contentType: String

    private static let boundary = "excite-load-boundary"

    /// - Parameters:
    ///   - folders: every file in them, by name; files whose names begin with a dot are left out.
    ///   - form: the form's field that the image is sent as; nil to send it as the body itself.
    /// - Throws: `LoadError` if a folder cannot be read or there is no file in any.
    public init(folders: [String], form: String?) throws {
        var files: [String] = []
        for folder in folders {
            do {
                let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".") }
                files += names.sorted().map { "\(folder)/\($0)" }.filter { path in
                    var isFolder = false
                    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder
                }
            } catch {
                throw LoadError("\(folder): cannot be read", error)
            }
        }
        guard !files.isEmpty else {
            throw LoadError("\(folders.joined(separator: ", ")): no file to send; --images takes folders of images")
        }
        try self.init(files: files, form: form)
    }

    /// - Parameter files: their paths.
    /// - Throws: `LoadError` if one cannot be read.
    public init(files: [String], form: String?) throws {
        bodies = try files.map { path in
            let file = URL(filePath: path)
            do {
                return RequestBody(Self.body(try Data(contentsOf: file), name: file.lastPathComponent, form: form))
            } catch {
                throw LoadError("\(path): cannot be read", error)
            }
        }
        contentType = form == nil ? "application/octet-stream" : "multipart/form-data; boundary=\(Self.boundary)"
    }

    private static func body(_ image: Data, name: String, form: String?) -> Data {
        guard let form else { return image }
        let head =
            "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(form)\"; filename=\"\(name)\"\r\n"
            + "Content-Type: application/octet-stream\r\n\r\n"
        return Data(head.utf8) + image + Data("\r\n--\(boundary)--\r\n".utf8)
    }
}
