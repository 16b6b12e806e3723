import FoundationEssentials

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

    private var folder: URL { destination.deletingLastPathComponent() }

    /// - Parameters:
    ///   - check: looks at the finished file before it gets its name; where it throws, the file is removed.
    ///   - progress: bytes that are there, and of how many.
    ///   - notice: is told of failures that are tried again.
    func run(
        check: (_ path: String) throws -> Void, progress: (_ count: Int, _ total: Int?) -> Void, notice: (String) -> Void
    ) throws -> (outcome: Outcome, metadata: FileMetadata) {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw HubError.file("\(folder.path): cannot be made: \(systemReason(error))")
        }
        // How far any attempt came: what is begun anew has to come further to count as progress.
        var furthest = 0
        return try client.retrying(what, notice: notice) {
            var part = leftPart()
            // The second time, the hub has said which file it is.
            for _ in 1...2 {
                switch try receive(&part, &furthest, progress) {
                case .askAgain: continue
                case .present(let metadata): return (.present, metadata)
                case .complete(let part, let metadata, let isResumed):
                    try verify(part, metadata, isResumed)
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
            throw Transient(reason: "the hub's file changed while it was asked for")
        }
    }

    private enum Received {
        case present(FileMetadata)
        case complete(PartFile, FileMetadata, isResumed: Bool)
        /// Of another file than the part that is there, or from elsewhere than where it ends.
        case askAgain
    }

    /// Asks for what `part` lacks, or for everything where there is none.
    ///
    /// - Parameter part: afterwards, the part of the file that the hub has.
    private func receive(
        _ part: inout PartFile?, _ furthest: inout Int, _ progress: (_ count: Int, _ total: Int?) -> Void
    ) throws -> Received {
        let (asked, askedPath) = (part?.count ?? 0, part?.path)
        var received = Received.askAgain
        var metadata = FileMetadata()
        do {
            try client.get(
                url, from: asked,
                wantsBody: { reply in
                    metadata = reply.metadata
                    if reply.status != 416 { try client.check(reply, what) }
                    if metadata.size == nil { metadata.size = Self.size(reply) }
                    if try isPresent(metadata) {
                        received = .present(metadata)
                        return false
                    }
                    let open = try self.part(metadata, instead: part)
                    part = open
                    guard open.count == 0 || open.count != metadata.size else {
                        received = .complete(open, metadata, isResumed: true)
                        return false
                    }
                    if reply.status == 416, open.path == askedPath { try open.restart() }
                    guard reply.status != 416, open.count == asked else { return false }
                    if reply.status == 206, reply.headers["content-range"]?.hasPrefix("bytes \(asked)-") != true {
                        try open.restart()
                        throw Transient(reason: "the hub sent another part than was asked for")
                    }
                    // Either nothing was there, or the hub knows no ranges.
                    if reply.status == 200 { try open.restart() }
                    try requireRoom(for: (metadata.size ?? 0) - open.count)
                    progress(open.count, metadata.size)
                    received = .complete(open, metadata, isResumed: open.count > 0)
                    return true
                },
                body: { bytes in
                    guard let part else { return }
                    guard part.count + bytes.count <= metadata.size ?? client.options.largestUnannounced else {
                        part.remove()
                        throw HubError.damaged("\(what): \(tooMuch(metadata.size)) arrived; nothing was kept")
                    }
                    try part.append(bytes)
                    progress(part.count, metadata.size)
                })
            if case .complete(let part, _, _) = received, part.count < metadata.size ?? 0 { throw Transient(reason: "the answer ended") }
        } catch var failure as Transient {
            guard case .complete(let part, _, _) = received else { throw failure }
            failure.reason += " after \(part.count) bytes"
            failure.madeProgress = part.count > furthest
            furthest = max(furthest, part.count)
            throw failure
        }
        return received
    }

    private func tooMuch(_ announced: Int?) -> String {
        announced.map { "more than the \($0) bytes that were announced" }
            ?? "more than \(client.options.largestUnannounced >> 20) MiB, with no size announced,"
    }

    /// The size of the whole file, where the hub's own header did not say it.
    private static func size(_ reply: HubClient.Reply) -> Int? {
        reply.status == 200
            ? reply.headers["content-length"].flatMap { Int($0) }
            : reply.headers["content-range"]?.split(separator: "/").last.flatMap { Int($0) }
    }

    /// The part of that file: `open` if it is that, empty where it is of no use.
    private func part(_ metadata: FileMetadata, instead open: PartFile?) throws -> PartFile {
        let path = folder.appending(path: partName(metadata.tag)).path
        let part = if let open, open.path == path { open } else { try PartFile(path: path) }
        // Without a tag nobody knows whether what is there belongs to what comes.
        if metadata.tag == nil || part.count > metadata.size ?? .max { try part.restart() }
        return part
    }

    /// Named by its content, so that no file is ever finished with the bytes of another.
    private func partName(_ tag: String?) -> String {
        let name = tag.map { tag in String(tag.filter { $0.isASCII && ($0.isLetter || $0.isNumber) }.prefix(64)) } ?? Self.untagged
        return "\(partPrefix)\(name).part"
    }

    private var partPrefix: String { ".\(destination.lastPathComponent)." }
    private static let untagged = "new"

    /// What an earlier attempt left, and probably of the file that is asked for: the hub's answer tells.
    private func leftPart() -> PartFile? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        let parts = names.filter { $0.hasPrefix(partPrefix) && $0.hasSuffix(".part") && $0 != partName(nil) }
        guard let name = parts.sorted().first, let part = try? PartFile(path: folder.appending(path: name).path) else { return nil }
        return part.count > 0 ? part : nil
    }

    private func isPresent(_ metadata: FileMetadata) throws -> Bool {
        guard let sha256 = metadata.sha256, let size = metadata.size,
            let found = try? FileManager.default.attributesOfItem(atPath: destination.path)[.size] as? UInt, found == UInt(size)
        else { return false }
        return try PartFile.sha256(ofFile: destination.path) == sha256
    }

    private func requireRoom(for bytes: Int) throws {
        let free = try? FileManager.default.attributesOfFileSystem(forPath: folder.path)[.systemFreeSize] as? Int
        guard let free, free < bytes else { return }
        throw HubError.file("\(folder.path): \(bytes >> 20) MiB are needed, \(free >> 20) MiB are free")
    }

    private func verify(_ part: PartFile, _ metadata: FileMetadata, _ isResumed: Bool) throws {
        let found = part.finish()
        let wrong = [(metadata.sha256, "the hub announced"), (digits?.lowercased(), "it is published with")]
            .first { wanted, _ in wanted.map { !found.hasPrefix($0) } ?? false }
        guard let (wanted, who) = wrong else { return }
        part.remove()
        let message = "\(what): its SHA-256 is \(found), but \(who) \(wanted ?? ""); nothing was kept"
        // What an earlier attempt left may be at fault.
        if isResumed { throw Transient(reason: "\(message); the part that was there from before may be wrong") }
        throw HubError.damaged(message)
    }
}
