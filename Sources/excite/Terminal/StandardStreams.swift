import FoundationEssentials
import Glibc
import SENet
import Service

/// The process's standard streams.
enum StandardStreams {
    /// All of standard input.
    ///
    /// - Throws: `ModelError.file` if it cannot be read.
    static func readInput() throws(ModelError) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while case let count = read(STDIN_FILENO, &piece, piece.count), count != 0 {
            if count > 0 {
                bytes += piece[..<count]
            } else if errno != EINTR {
                throw .file("standard input cannot be read: \(String(cString: strerror(errno)))")
            }
        }
        return bytes
    }

    /// - Throws: `ModelError.file` if nobody takes it.
    static func writeOutput(_ bytes: [UInt8]) throws(ModelError) {
        guard write(bytes, to: STDOUT_FILENO) else { throw .file("standard output cannot be written: \(String(cString: strerror(errno)))") }
    }

    /// Where nobody reads it, it is lost.
    static func writeError(_ text: String) { _ = write(Array(text.utf8), to: STDERR_FILENO) }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return false }
        }
        return true
    }
}

/// Says on standard error what failed.
func printError(_ text: String) { StandardStreams.writeError("excite: \(printable(text))\n") }

/// A file's bytes; `-` is standard input.
///
/// - Throws: `ModelError.file` if it cannot be read.
func readFile(_ path: String) throws(ModelError) -> [UInt8] {
    guard path != "-" else { return try StandardStreams.readInput() }
    do { return try Array(Data(contentsOf: URL(filePath: path))) } catch { throw .cannotRead(path, error) }
}

/// Writes a file in one piece; `-` is standard output.
///
/// - Throws: `ModelError.file` if it cannot be written.
func writeFile(_ bytes: [UInt8], to path: String) throws(ModelError) {
    guard path != "-" else { return try StandardStreams.writeOutput(bytes) }
    do { try Data(bytes).write(to: URL(filePath: path), options: .atomic) } catch { throw .cannotWrite(path, error) }
}

/// Prints lines for people: what they hold of other people's names gives a terminal no orders.
func printText(_ text: String) {
    print(text.split(separator: "\n", omittingEmptySubsequences: false).map { printable(String($0)) }.joined(separator: "\n"))
}
