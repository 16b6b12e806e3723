import CCURL
import HTTPClient

/// Many transfers on one event loop, over connections that are kept and shared: libcurl's multi handle.
final class Transfers {
    private let multi: UnsafeMutableRawPointer
    private let loop: EventLoop
    private var running: [UnsafeMutableRawPointer: (transfer: Transfer, completion: (CURLcode) -> Void)] = [:]

    /// When libcurl wants to be called, whatever happens on its sockets.
    private(set) var deadline: ContinuousClock.Instant?

    /// - Parameter connections: how many are kept.
    /// - Throws: `LoadError` if libcurl refuses.
    init(_ loop: EventLoop, connections: Int) throws(LoadError) {
        guard let multi = curl_multi_init() else { throw LoadError("libcurl has no memory for a multi handle") }
        self.multi = multi
        self.loop = loop
        let context = Unmanaged.passUnretained(self).toOpaque()
        try Self.check(curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, connections))
        try Self.check(curl_multi_set_pointer(multi, CURLMOPT_SOCKETDATA, context))
        try Self.check(curl_multi_set_socket_function(multi, socketChanged))
        try Self.check(curl_multi_set_pointer(multi, CURLMOPT_TIMERDATA, context))
        try Self.check(curl_multi_set_timer_function(multi, timerChanged))
    }

    deinit {
        // What it says while it lets go of its sockets is no longer of interest.
        curl_multi_set_socket_function(multi, nil)
        curl_multi_set_timer_function(multi, nil)
        for handle in running.keys { curl_multi_remove_handle(multi, handle) }
        curl_multi_cleanup(multi)
    }

    /// Begins a transfer, which is kept until `completion` is told how it ended.
    ///
    /// - Returns: false if libcurl refuses.
    func begin(_ transfer: Transfer, completion: @escaping (CURLcode) -> Void) -> Bool {
        transfer.prepare()
        guard curl_multi_add_handle(multi, transfer.handle) == CURLM_OK else { return false }
        running[transfer.handle] = (transfer, completion)
        return true
    }

    /// Does what libcurl wanted to be called for, once its deadline has passed; new transfers are begun by it too.
    func callOnDeadline() {
        guard let deadline, deadline <= .now else { return }
        self.deadline = nil
        act(CURL_SOCKET_TIMEOUT, 0)
    }

    fileprivate func act(_ socket: curl_socket_t, _ events: Int32) {
        var stillRunning: Int32 = 0
        curl_multi_socket_action(multi, socket, events, &stillRunning)
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle else { continue }
            let code = curl_message_result(message)
            curl_multi_remove_handle(multi, handle)
            running.removeValue(forKey: handle)?.completion(code)
        }
    }

    fileprivate static func check(_ code: CURLMcode) throws(LoadError) {
        guard code == CURLM_OK else { throw LoadError("libcurl: \(String(cString: curl_multi_strerror(code)))") }
    }
}

extension Transfers {
    /// - Parameter what: libcurl's `CURL_POLL_…`.
    func watch(_ socket: curl_socket_t, _ what: Int32) -> Bool {
        var events: UInt32 = 0
        switch what {
        case CURL_POLL_REMOVE:
            loop.forget(socket)
            return true
        case CURL_POLL_IN: events = EPOLLIN.rawValue
        case CURL_POLL_OUT: events = EPOLLOUT.rawValue
        case CURL_POLL_INOUT: events = EPOLLIN.rawValue | EPOLLOUT.rawValue
        default: break
        }
        return loop.watch(socket, events) { [unowned self] events in
            var ready: Int32 = 0
            if events & EPOLLIN.rawValue != 0 { ready |= CURL_CSELECT_IN }
            if events & EPOLLOUT.rawValue != 0 { ready |= CURL_CSELECT_OUT }
            if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { ready |= CURL_CSELECT_ERR }
            act(socket, ready)
        }
    }

    func setTimer(_ milliseconds: Int) { deadline = milliseconds < 0 ? nil : .now + .milliseconds(milliseconds) }
}
