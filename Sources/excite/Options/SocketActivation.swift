import FoundationEssentials
import Glibc

/// The sockets that systemd opened for this process, as sd_listen_fds(3) has it: LISTEN_FDS descriptors from 3 on, where LISTEN_PID is ours.
var inheritedSockets: [Int32] {
    let environment = ProcessInfo.processInfo.environment
    guard environment["LISTEN_PID"] == String(getpid()) else { return [] }
    guard let count = environment["LISTEN_FDS"].flatMap({ Int32($0) }), (1...1024).contains(count) else { return [] }
    return Array(3..<3 + count)
}
