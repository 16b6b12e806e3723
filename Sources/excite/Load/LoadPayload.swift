import Foundation
import NIOCore

/// The bodies that are sent in turn, read once.
struct LoadPayload {
    var bodies: [ByteBuffer]
    var contentType: String

    private static let boundary = "excite-load-boundary"

    /// - Parameters:
    ///   - folders: every file in them, by name; files whose names begin with a dot are left out.
    ///   - form: the form's field that the image is sent as; nil to send it as the body itself.
    /// - Throws: `LoadError` if a folder cannot be read or there is no file in any.
    init(folders: [String], form: String?) throws {
        var files: [URL] = []
        for folder in folders {
            do {
                let found = try FileManager.default.contentsOfDirectory(
                    at: URL(filePath: folder), includingPropertiesForKeys: [.isRegularFileKey], options: .skipsHiddenFiles)
                files += try found.filter { try $0.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true }
                    .sorted { $0.path < $1.path }
            } catch {
                throw LoadError("\(folder): cannot be read: \(error.localizedDescription)")
            }
        }
        guard !files.isEmpty else {
            throw LoadError("\(folders.joined(separator: ", ")): no file to send; --images takes folders of images")
        }
        try self.init(files: files, form: form)
    }

    init(files: [URL], form: String?) throws {
        bodies = try files.map { file in
            do {
                return Self.body(try Data(contentsOf: file), name: file.lastPathComponent, form: form)
            } catch {
                throw LoadError("\(file.path): cannot be read: \(error.localizedDescription)")
            }
        }
        contentType = form == nil ? "application/octet-stream" : "multipart/form-data; boundary=\(Self.boundary)"
    }

    private static func body(_ image: Data, name: String, form: String?) -> ByteBuffer {
        guard let form else { return ByteBuffer(bytes: image) }
        let head =
            "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(form)\"; filename=\"\(name)\"\r\n"
            + "Content-Type: application/octet-stream\r\n\r\n"
        var body = ByteBuffer(string: head)
        body.writeBytes(image)
        body.writeString("\r\n--\(boundary)--\r\n")
        return body
    }
}

/// Why there is no load: what was wrong and what to do.
struct LoadError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}
