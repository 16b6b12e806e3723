import Foundation

/// What the kernel says of this process.
public enum ProcessStatus {
    /// Memory in RAM, in bytes; 0 if it cannot be read.
    public static var residentBytes: Int { field("VmRSS:") << 10 }

    /// Threads of the process.
    public static var threads: Int { field("Threads:") }

    /// Periods in which the cgroup's CPU quota was used up.
    public static var throttledPeriods: Int {
        let text = (try? String(contentsOfFile: "/sys/fs/cgroup/cpu.stat", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").first { $0.hasPrefix("nr_throttled ") }.flatMap { Int($0.dropFirst(13)) } ?? 0
    }

    private static func field(_ name: String) -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
        return line.flatMap { Int($0.dropFirst(name.count).filter(\.isNumber)) } ?? 0
    }
}
