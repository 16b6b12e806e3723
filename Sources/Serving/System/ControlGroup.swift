import FoundationEssentials

/// What the process's control groups allow it: its own and those around it. Both versions are read.
struct ControlGroup {
    /// Folders of the groups that bound the CPU, as far as they can be seen.
    private let folders: [String]

    /// - Parameters:
    ///   - root: where the file system of the groups is mounted. In a container the process's own group is mounted as the root.
    ///   - groups: which groups the process is in.
    init(root: String = "/sys/fs/cgroup", groups: String = "/proc/self/cgroup") {
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
        folders = paths.sorted().flatMap { ["\(root)\($0)", "\(root)/cpu\($0)"] }
    }

    /// CPUs that the quotas amount to, nil without any: the smallest counts.
    var quota: Double? {
        folders.compactMap { folder in
            // `cpu.max` holds both in version 2.
            let values =
                read("\(folder)/cpu.max") ?? (read("\(folder)/cpu.cfs_quota_us") ?? []) + (read("\(folder)/cpu.cfs_period_us") ?? [])
            guard values.count == 2, let quota = Double(values[0]), let period = Double(values[1]), quota > 0, period > 0 else {
                return nil
            }
            return quota / period
        }.min()
    }

    /// Periods in which a quota was used up, whichever group's it was; nil where no group tells.
    var throttledPeriods: Int? { sum("nr_throttled") }

    /// Seconds that threads were held up for it.
    var throttledSeconds: Double? { sum("throttled_usec").map { Double($0) * 1e-6 } ?? sum("throttled_time").map { Double($0) * 1e-9 } }

    private func sum(_ name: String) -> Int? {
        let found = folders.compactMap { folder -> Int? in
            guard let words = read("\(folder)/cpu.stat"), let index = words.firstIndex(of: name[...]), index + 1 < words.count else {
                return nil
            }
            return Int(words[index + 1])
        }
        return found.isEmpty ? nil : found.reduce(0, +)
    }

    private func read(_ path: String) -> [Substring]? {
        (try? String(contentsOfFile: path, encoding: .utf8)).map { $0.split(whereSeparator: \.isWhitespace) }
    }
}
