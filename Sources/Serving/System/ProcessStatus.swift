import FoundationEssentials
import Glibc

/// What the kernel says of this process.
public enum ProcessStatus {
    /// Memory in RAM, in bytes; 0 if it cannot be read.
    public static var residentBytes: Int { field("VmRSS:") << 10 }

    /// Threads of the process.
    public static var threads: Int { field("Threads:") }

    /// CPU time of all its threads; nil, as what follows, if it cannot be read.
    public static var cpuSeconds: Double? {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return nil }
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    /// Files and sockets that are open.
    public static var openFiles: Int? { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))?.count }

    /// Periods in which a CPU quota that applies to the process was used up.
    public static var throttledPeriods: Int? { ControlGroup().throttledPeriods }

    /// How long threads were held up for it, in seconds.
    public static var throttledSeconds: Double? { ControlGroup().throttledSeconds }

    private static func field(_ name: String) -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
        return line.flatMap { Int($0.dropFirst(name.count).filter(\.isNumber)) } ?? 0
    }
}
