import Glibc

/// A file of certificates or keys: up to 1 MiB, read whole, and never waited for.
///
/// - Throws: ``ServerError`` that says why it cannot be read.
package func smallFile(_ path: String) throws(ServerError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw ServerError(message: "\(path): cannot be opened: \(errorText(errno)).") }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    var filled = 0
    while filled < bytes.count {
        let room = bytes.count - filled
        let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress.map { $0 + filled }, room) }
        if count == 0 { return Array(bytes.prefix(filled)) }
        guard count > 0 else { throw ServerError(message: "\(path): cannot be read: \(errorText(errno)).") }
        filled += count
    }
    throw ServerError(message: "\(path): is larger than such a file may be, 1 MiB.")
}
