import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// One file of a hub, brought to a place on disk: resumed where an earlier attempt broke off, checked, and placed when it is complete.
struct Download {
    let client: HubClient
    let url: URL
    /// For messages.
    let what: String
    let destination: URL
    /// The first digits of the SHA-256, where they are known from elsewhere than the hub.
    var digits: String?

    enum Outcome: Sendable, Equatable {
        case downloaded
        /// The file was there already, whole and right.
        case present
    }

    /// - Parameters:
    ///   - check: looks at the finished file before it gets its name; where it throws, the file is removed.
    ///   - progress: bytes that are there, and of how many.
    ///   - notice: is told of failures that are tried again.
    func run(
        check: (_ path: String) throws -> Void, progress: (_ count: Int, _ total: Int?) -> Void, notice: (String) -> Void
    ) async throws -> (outcome: Outcome, metadata: FileMetadata) {
        let folder = destination.deletingLastPathComponent()
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw HubError.file("\(folder.path): cannot be made: \(error.localizedDescription)")
        }
        return try await client.retrying(what, notice: notice) {
            var earlier: PartFile?
            var wasAsked = false
            // Asks for the rest alone as soon as it is known which file this is.
            func rest(_ metadata: FileMetadata) throws -> Int {
                let path = folder.appending(path: partName(metadata.tag)).path
                guard metadata.tag != nil, let size = metadata.size, FileManager.default.fileExists(atPath: path) else { return 0 }
                let open = try earlier ?? PartFile(path: path)
                earlier = open
                wasAsked = 0 < open.count && open.count < size
                return wasAsked ? open.count : 0
            }
            var reply = try await client.get(url, from: rest)
            var metadata = reply.metadata
            if metadata.size == nil, reply.response.status == .ok {
                metadata.size = reply.response.headers.first(name: "Content-Length").flatMap { Int($0) }
            }
            if !wasAsked, reply.response.status == .ok {
                if try isPresent(metadata) { return (.present, metadata) }
                if try rest(metadata) > 0 { reply = try await client.get(url) { _ in earlier?.count ?? 0 } }
            }
            if reply.response.status == .rangeNotSatisfiable {
                try earlier?.restart()
                throw Transient(reason: "the hub does not have the rest")
            }
            try client.check(reply, what)
            let part = try earlier ?? PartFile(path: folder.appending(path: partName(metadata.tag)).path)
            // Without a tag nobody knows whether what is there belongs to what comes.
            if metadata.tag == nil || part.count > metadata.size ?? .max { try part.restart() }
            let begin = part.count
            if part.count == 0 || part.count != metadata.size {
                try requireRoom(for: (metadata.size ?? 0) - part.count, in: folder)
                try await receive(reply, size: metadata.size, into: part, progress)
            }
            try verify(part, metadata, resumed: begin > 0)
            do {
                try check(part.path)
            } catch {
                part.remove()
                throw HubError.damaged("\(what): \(error)")
            }
            try part.place(at: destination.path)
            return (.downloaded, metadata)
        }
    }

    /// Named by its content, so that no file is ever finished with the bytes of another.
    private func partName(_ tag: String?) -> String {
        let name = tag.map { tag in tag.filter { $0.isASCII && ($0.isLetter || $0.isNumber) }.prefix(64) } ?? "new"
        return ".\(destination.lastPathComponent).\(name).part"
    }

    private func isPresent(_ metadata: FileMetadata) throws -> Bool {
        guard let sha256 = metadata.sha256, let size = metadata.size,
            (try? FileManager.default.attributesOfItem(atPath: destination.path)[.size] as? Int) == size
        else { return false }
        return try PartFile.sha256(ofFile: destination.path) == sha256
    }

    private func requireRoom(for bytes: Int, in folder: URL) throws {
        let free = try? FileManager.default.attributesOfFileSystem(forPath: folder.path)[.systemFreeSize] as? Int
        guard let free, free < bytes else { return }
        throw HubError.file("\(folder.path): \(bytes >> 20) MiB are needed, \(free >> 20) MiB are free")
    }

    private func receive(
        _ reply: HubClient.Reply, size: Int?, into part: PartFile, _ progress: (_ count: Int, _ total: Int?) -> Void
    ) async throws {
        let headers = reply.response.headers
        if reply.response.status == .partialContent {
            guard headers.first(name: "Content-Range")?.hasPrefix("bytes \(part.count)-") == true else {
                try part.restart()
                throw Transient(reason: "the hub sent another part than was asked for")
            }
        } else {
            try part.restart()
        }
        let begin = part.count
        progress(part.count, size)
        do {
            for try await chunk in reply.response.body {
                guard part.count + chunk.readableBytes <= size ?? .max else {
                    part.remove()
                    throw HubError.damaged("\(what): more than the \(size ?? 0) bytes that were announced arrived; nothing was kept")
                }
                try chunk.withUnsafeReadableBytes { try part.append($0) }
                progress(part.count, size)
            }
        } catch let error where !(error is HubError || error is CancellationError) {
            throw Transient(reason: "the connection was cut after \(part.count) bytes", madeProgress: part.count > begin)
        }
        guard part.count == size ?? part.count else {
            throw Transient(reason: "the connection was cut after \(part.count) bytes", madeProgress: part.count > begin)
        }
    }

    private func verify(_ part: PartFile, _ metadata: FileMetadata, resumed: Bool) throws {
        let found = part.sha256
        let wrong = [(metadata.sha256, "the hub announced"), (digits?.lowercased(), "it is published with")]
            .first { wanted, _ in wanted.map { !found.hasPrefix($0) } ?? false }
        guard let (wanted, who) = wrong else { return }
        part.remove()
        let message = "\(what): its SHA-256 is \(found), but \(who) \(wanted ?? ""); nothing was kept"
        // What an earlier attempt left may be at fault.
        if resumed { throw Transient(reason: "\(message); the part that was there from before may be wrong") }
        throw HubError.damaged(message)
    }
}
