import CCURL

// What libcurl calls, for the transfers that are its context:
//
// CURLMOPT_SOCKETFUNCTION   socketChanged
// CURLMOPT_TIMERFUNCTION    timerChanged
//
// Global functions: a closure literal would belong to the actor that it stands in.

/// libcurl wants to know when that socket is ready, or no longer.
func socketChanged(
    _ handle: UnsafeMutableRawPointer?, _ socket: curl_socket_t, _ what: Int32, _ context: UnsafeMutableRawPointer?,
    _ ownContext: UnsafeMutableRawPointer?
) -> Int32 {
    guard let context else { return -1 }
    return Unmanaged<Transfers>.fromOpaque(context).takeUnretainedValue().watch(socket, what) ? 0 : -1
}

/// libcurl wants to be called in so many milliseconds; not at all if they are negative.
func timerChanged(_ multi: UnsafeMutableRawPointer?, _ milliseconds: Int, _ context: UnsafeMutableRawPointer?) -> Int32 {
    guard let context else { return -1 }
    Unmanaged<Transfers>.fromOpaque(context).takeUnretainedValue().setTimer(milliseconds)
    return 0
}
