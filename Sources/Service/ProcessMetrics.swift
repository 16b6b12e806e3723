import FoundationEssentials
import HTTPServer
import Serving

/// What is told of the process, of the server and of its connections.
extension Metrics {
    package func declareProcess(_ log: LogWriter) {
        gauge("excite_build_info", help: "1, labelled with the version.", labels: ["version"]).set([Build.version], to: 1)
        reading(.gauge, "excite_cpus", help: "CPUs that this process may use: CPU set and cgroup quota.") {
            Double(ProcessorCount.available)
        }
        reading(.gauge, "excite_cpu_quota", help: "CPUs that the cgroup's quota amounts to; absent without one.") { ProcessorCount.quota }
        reading(.counter, "excite_cpu_throttled_periods_total", help: "Periods in which the cgroup's CPU quota was used up.") {
            ProcessStatus.throttledPeriods.map(Double.init) ?? 0
        }
        reading(.counter, "excite_cpu_throttled_seconds_total", help: "How long threads were held up for it.") {
            ProcessStatus.throttledSeconds ?? 0
        }
        reading(.counter, "process_cpu_seconds_total", help: "CPU time of all threads.") { ProcessStatus.cpuSeconds }
        reading(.gauge, "process_resident_memory_bytes", help: "Memory in RAM.") { Double(ProcessStatus.residentBytes) }
        reading(.gauge, "process_threads", help: "Threads of the process.") { Double(ProcessStatus.threads) }
        reading(.gauge, "process_open_fds", help: "Files and sockets that are open.") { ProcessStatus.openFiles.map(Double.init) }
        reading(.counter, "excite_log_lines_dropped_total", help: "Log lines that nobody read in time.") { Double(log.dropped) }
        let started = Date.now.timeIntervalSince1970
        reading(.gauge, "process_start_time_seconds", help: "When the process started, in seconds since 1970.") { started }
    }

    package func declare(_ server: Server, _ readiness: Readiness) {
        let read = { @Sendable [weak server] (value: (ServerStatistics) -> Int) in server.map { Double(value($0.statistics)) } ?? 0 }
        reading(.gauge, "excite_ready", help: "1 while the server is ready, else 0.") { readiness.notReady == nil ? 1 : 0 }
        reading(.gauge, "excite_requests_in_flight", help: "Requests begun and not yet answered in full.") { read(\.unfinishedRequests) }
        reading(.gauge, "excite_pending_bytes", help: "Bytes of request bodies in memory.") { read(\.bodyBytes) }
        reading(.gauge, "excite_connections", help: "Connections that are open.") { read(\.openConnections) }
        reading(.counter, "excite_connections_total", help: "Connections taken.") { read(\.acceptedConnections) }
        reading(.counter, "excite_connections_refused_total", help: "Connections turned away at a limit.") { read(\.refusedConnections) }
        reading(.counter, "excite_accepts_starved_total", help: "Times that the process had no descriptor left for a connection.") {
            read(\.starvedAccepts)
        }
        reading(.counter, "excite_http_refusals_total", help: "Requests refused before any route, by code.", labels: ["code"]) {
            [weak server] in
            Dictionary((server?.statistics.refusals ?? [:]).map { ([$0.key], Double($0.value)) }) { first, _ in first }
        }
    }
}
