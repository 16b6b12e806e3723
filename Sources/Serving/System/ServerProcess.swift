import Glibc

/// What a process that serves for months asks of the system.
package enum ServerProcess {
    /// To be called once, before anything is opened.
    package static func prepare() {
        // A log whose reader has gone, or a client that has, is no reason to die; and a terminal that is closed is none to drop requests.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGHUP, SIG_IGN)
        raiseOpenFiles()
    }

    /// Opens what is closed of standard input, output and error, so that no socket or file takes its number and gets what is meant for them.
    package static func openStandardDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // Takes the lowest free number, which is this one.
            _ = open("/dev/null", O_RDWR)
        }
    }

    /// What the system's limits will not let this program do, in words; nil where they are wide enough. Without a word from here it would die
    /// of them without one.
    package static var narrowLimit: String? {
        let limits: [(__rlimit_resource, least: rlim_t, name: String, option: String)] = [
            (RLIMIT_STACK, 256 << 10, "stack", "s"), (RLIMIT_DATA, 256 << 20, "data", "d"), (RLIMIT_AS, 1 << 30, "address space", "v"),
        ]
        for (resource, least, name, option) in limits {
            guard let limit = limit(resource), limit.rlim_cur < least else { continue }
            let found = "the limit of \(name) is \(limit.rlim_cur >> 10) KiB, with which models may not load"
            return "\(found); allow \(least >> 10) (ulimit -\(option))"
        }
        return nil
    }

    /// Connections and files may be as many as the hard limit allows. A failure leaves the soft limit as it was.
    private static func raiseOpenFiles() {
        guard var limit = limit(RLIMIT_NOFILE), limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    private static func limit(_ resource: __rlimit_resource) -> rlimit? {
        var limit = rlimit()
        return getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 ? limit : nil
    }
}
