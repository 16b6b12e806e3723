import Foundation

/// How many CPUs this process may use.
public enum ProcessorCount {
    /// The smallest of the online CPUs, the CPU set and the cgroup's quota, which is rounded down, but at least 1.
    public static var available: Int {
        let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        return smallest(online: ProcessInfo.processInfo.activeProcessorCount, allowed: status.flatMap(allowedCPUs), quota: quota())
    }

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

    /// CPUs that the quotas of the cgroup and of those around it amount to, nil without any: the smallest counts.
    ///
    /// - Parameter root: where the cgroup file system is mounted. Both versions are read: `cpu.max`, and `cpu.cfs_quota_us` beside
    ///   `cpu.cfs_period_us`. In a container the process's own group is mounted as the root.
    static func quota(root: String = "/sys/fs/cgroup", groups: String = "/proc/self/cgroup") -> Double? {
        func read(_ path: String) -> [Substring]? {
            (try? String(contentsOfFile: path, encoding: .utf8)).map { $0.split(whereSeparator: \.isWhitespace) }
        }
        // Lines are `0::/path` (version 2) or `4:cpu,cpuacct:/path` (version 1).
        var paths: Set = [""]
        for line in (try? String(contentsOfFile: groups, encoding: .utf8))?.split(separator: "\n") ?? [] {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, fields[1].isEmpty || fields[1].split(separator: ",").contains("cpu") else { continue }
            var path = fields[2]
            while let slash = path.lastIndex(of: "/") {
                paths.insert(String(path))
                path = path[..<slash]
            }
        }
        var smallest: Double?
        for path in paths {
            let limits = [
                read("\(root)\(path)/cpu.max"),
                read("\(root)/cpu\(path)/cpu.cfs_quota_us").flatMap { quota in
                    read("\(root)/cpu\(path)/cpu.cfs_period_us").map { quota + $0 }
                },
            ]
            for case let values? in limits {
                guard values.count == 2, let quota = Double(values[0]), let period = Double(values[1]), quota > 0, period > 0 else {
                    continue
                }
                smallest = min(smallest ?? .infinity, quota / period)
            }
        }
        return smallest
    }
}
