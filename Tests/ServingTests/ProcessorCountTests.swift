import Foundation
import Testing

@testable import Serving

@Suite("How many CPUs may be used")
struct ProcessorCountTests {
    @Test(
        "by the CPU set",
        arguments: [
            ("0", 1), ("0-3", 4), ("0-3,8", 5), ("1,3,5", 3), ("0-1,4-5,7", 5), ("0-127", 128), ("0-3, 8-9", 6),
        ])
    func cpuSet(list: String, count: Int) {
        let status = "Name:\texcite\nCpus_allowed:\tff\nCpus_allowed_list:\t\(list)\nMems_allowed:\t1\n"
        #expect(ProcessorCount.allowedCPUs(status: status) == count)
    }

    @Test(
        "without a CPU set that can be read, nothing is said",
        arguments: ["", "Name:\tx\n", "Cpus_allowed_list:\n", "Cpus_allowed_list:\t\n"])
    func noCPUSet(status: String) { #expect(ProcessorCount.allowedCPUs(status: status) == nil) }

    /// A made-up tree of cgroups: what is in which file.
    private func controlGroup<Value>(
        _ files: [String: String], group: String = "0::/\n", _ value: (ControlGroup) -> Value
    ) throws -> Value {
        let folder = try TemporaryFolder()
        try folder.write(group, to: "proc-self-cgroup")
        for (name, text) in files { try folder.write(text, to: "cgroup/\(name)") }
        return withExtendedLifetime(folder) {
            value(ControlGroup(root: folder.path("cgroup"), groups: folder.path("proc-self-cgroup")))
        }
    }

    private func quota(_ files: [String: String], group: String = "0::/\n") throws -> Double? {
        try controlGroup(files, group: group, \.quota)
    }

    @Test("throttling is told of the process's own group and those around it, in both versions")
    func throttling() throws {
        func stat(_ periods: Int, _ time: String) -> String { "nr_periods 100\nnr_throttled \(periods)\n\(time)\n" }
        let second = [
            "cpu.stat": stat(1, "throttled_usec 500000"), "a/cpu.stat": stat(2, "throttled_usec 250000"),
            "a/b/cpu.stat": stat(4, "throttled_usec 0"), "other/cpu.stat": stat(100, "throttled_usec 100"),
        ]
        let (periods, seconds) = try controlGroup(second, group: "0::/a/b\n") { ($0.throttledPeriods, $0.throttledSeconds) }
        #expect(periods == 7 && seconds == 0.75)
        let first = ["cpu/cpu.stat": stat(3, "throttled_time 2500000000")]
        let (one, two) = try controlGroup(first, group: "4:cpu,cpuacct:/docker/abc\n") { ($0.throttledPeriods, $0.throttledSeconds) }
        #expect(one == 3 && two == 2.5)
        #expect(try controlGroup([:]) { $0.throttledPeriods } == nil)
        #expect(try controlGroup(["cpu.stat": "usage_usec 5\n"]) { $0.throttledPeriods } == nil, "the root tells nothing")
    }

    @Test("by the quota of the root group, as a container sees its own", arguments: ["0::/\n", "0::/../..\n", ""])
    func rootQuota(group: String) throws {
        #expect(try quota(["cpu.max": "250000 100000\n"], group: group) == 2.5)
    }

    @Test("'max' is no quota")
    func noQuota() throws {
        #expect(try quota(["cpu.max": "max 100000\n"]) == nil)
        #expect(try quota([:]) == nil)
    }

    @Test("by the smallest quota of a group and those around it")
    func nestedQuota() throws {
        let group = "0::/system.slice/excite.service/worker\n"
        #expect(try quota(["system.slice/excite.service/worker/cpu.max": "150000 100000"], group: group) == 1.5)
        #expect(
            try quota(
                [
                    "system.slice/cpu.max": "400000 100000", "system.slice/excite.service/cpu.max": "50000 100000",
                    "system.slice/excite.service/worker/cpu.max": "max 100000", "other.slice/cpu.max": "1000 100000",
                ], group: group) == 0.5)
        #expect(try quota(["cpu.max": "100000 100000", "system.slice/cpu.max": "300000 100000"], group: group) == 1)
    }

    @Test("by the quota of version 1's groups")
    func versionOne() throws {
        let group = "12:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n"
        func files(_ quota: String, in folder: String) -> [String: String] {
            ["\(folder)/cpu.cfs_quota_us": "\(quota)\n", "\(folder)/cpu.cfs_period_us": "100000\n"]
        }
        #expect(try quota(files("300000", in: "cpu/docker/abc"), group: group) == 3)
        #expect(try quota(files("200000", in: "cpu"), group: group) == 2, "a container's own group is the root")
        #expect(try quota(files("200000", in: "cpu/docker"), group: group) == 2)
        #expect(try quota(files("-1", in: "cpu/docker/abc"), group: group) == nil)
        #expect(try quota(files("100000", in: "memory/docker/abc"), group: group) == nil)
    }

    @Test("what makes no sense is no quota", arguments: ["", "100000", "0 100000", "100000 0", "-1 100000", "a b"])
    func nonsense(text: String) throws { #expect(try quota(["cpu.max": text]) == nil) }

    @Test("the smallest counts, a quota rounded down, and never below 1")
    func smallest() {
        #expect(ProcessorCount.smallest(online: 8, allowed: nil, quota: nil) == 8)
        #expect(ProcessorCount.smallest(online: 8, allowed: 4, quota: nil) == 4)
        #expect(ProcessorCount.smallest(online: 8, allowed: 64, quota: 1e30) == 8)
        #expect(ProcessorCount.smallest(online: 8, allowed: 4, quota: 2.9) == 2)
        #expect(ProcessorCount.smallest(online: 8, allowed: nil, quota: 0.1) == 1)
        #expect(ProcessorCount.smallest(online: 0, allowed: nil, quota: nil) == 1)
        #expect(ProcessorCount.available >= 1)
    }
}
