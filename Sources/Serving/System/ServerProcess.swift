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

    /// Connections and files may be as many as the hard limit allows. A failure leaves the soft limit as it was.
    private static func raiseOpenFiles() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
