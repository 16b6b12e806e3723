import FoundationEssentials

/// How many CPUs this process may use.
public enum ProcessorCount {
    /// The smallest of the online CPUs, the CPU set and the cgroup's quota, which is rounded down, but at least 1.
    public static var available: Int {
        let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        return smallest(online: ProcessInfo.processInfo.activeProcessorCount, allowed: status.flatMap(allowedCPUs), quota: quota)
    }

    /// CPUs that the quotas of the cgroup and of those around it amount to; nil without any.
    public static var quota: Double? { ControlGroup().quota }

    static func smallest(online: Int, allowed: Int?, quota: Double?) -> Int {
        let count = min(online, allowed ?? online)
        guard let quota, quota < Double(count) else { return max(1, count) }
        return max(1, Int(quota))
    }

    /// CPUs of the process's set: the line `Cpus_allowed_list:\t0-3,8` of `/proc/self/status`.
    static func allowedCPUs(status: String) -> Int? {
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed_list:") }) else { return nil }
        let ranges = line.drop { $0 != ":" }.dropFirst().split(separator: ",")
        let count = ranges.reduce(0) { total, range in
            let bounds = range.split(separator: "-").compactMap { Int($0.filter { !$0.isWhitespace }) }
            return total + (bounds.last ?? 0) - (bounds.first ?? 1) + 1
        }
        return count > 0 ? count : nil
    }
}
