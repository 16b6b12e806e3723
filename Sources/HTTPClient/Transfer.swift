import CCURL

/// One request at a time with libcurl, and the connection that is kept for the next one: an easy handle with all that it points to.
/// For one thread at a time.
public final class Transfer {
    /// libcurl's handle, for what drives it together with others.
    public let handle: UnsafeMutableRawPointer

    /// Is given each piece of the last answer's body; what it throws ends the transfer.
    public var onBody: (UnsafeRawBufferPointer) throws -> Void = { _ in }

    /// Asked now and then, about once a second: whether nobody waits for the answer any more, and the transfer is to end.
    public var isAbandoned: () -> Bool = { false }

    /// The headers of each answer to the last request, in the order in which they came: redirects first, names in lower case. Empty
    /// unless asked for when this was made.
    public internal(set) var answers: [[String: String]] = []

    var headerBytes = 0
    var thrown: (any Error)?
    private var headers: UnsafeMutablePointer<curl_slist>?
    private let message: UnsafeMutablePointer<CChar>

    /// A GET over HTTP or HTTPS, following no redirects.
    ///
    /// - Parameter keepsHeaders: whether `answers` is wanted.
    public init(url: String, keepsHeaders: Bool = false) throws(TransferFailure) {
        try TransferFailure.check(globalState)
        guard let handle = curl_easy_init() else { throw TransferFailure(code: CURLE_FAILED_INIT) }
        self.handle = handle
        message = .allocate(capacity: Int(CURL_ERROR_SIZE))
        message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        try set(CURLOPT_URL, url)
        for option in [CURLOPT_PROTOCOLS_STR, CURLOPT_REDIR_PROTOCOLS_STR] { try set(option, "http,https") }
        // Otherwise time-outs of the resolver are alarm signals.
        try set(CURLOPT_NOSIGNAL, 1)
        let context = Unmanaged.passUnretained(self).toOpaque()
        try TransferFailure.check(curl_easy_set_pointer(handle, CURLOPT_ERRORBUFFER, message))
        try TransferFailure.check(curl_easy_set_pointer(handle, CURLOPT_WRITEDATA, context))
        try TransferFailure.check(curl_easy_set_receiver(handle, CURLOPT_WRITEFUNCTION, receiveBody))
        try TransferFailure.check(curl_easy_set_pointer(handle, CURLOPT_XFERINFODATA, context))
        try TransferFailure.check(curl_easy_set_progress(handle, continueTransfer))
        try set(CURLOPT_NOPROGRESS, 0)
        guard keepsHeaders else { return }
        try TransferFailure.check(curl_easy_set_pointer(handle, CURLOPT_HEADERDATA, context))
        try TransferFailure.check(curl_easy_set_receiver(handle, CURLOPT_HEADERFUNCTION, receiveHeader))
    }

    deinit {
        curl_easy_cleanup(handle)
        curl_slist_free_all(headers)
        message.deallocate()
    }

    /// Sets an option that takes a number.
    public func set(_ option: CURLoption, _ value: Int) throws(TransferFailure) {
        try TransferFailure.check(curl_easy_set_long(handle, option, value))
    }

    /// Sets an option that takes a text.
    public func set(_ option: CURLoption, _ value: String) throws(TransferFailure) {
        try TransferFailure.check(curl_easy_set_text(handle, option, value))
    }

    /// Sends these lines, `Name: value`, instead of those before; `Name:` keeps libcurl from sending that header by itself.
    public func setHeaders(_ lines: [String]) throws(TransferFailure) {
        var list: UnsafeMutablePointer<curl_slist>?
        for line in lines {
            guard let longer = curl_slist_append(list, line) else {
                curl_slist_free_all(list)
                throw TransferFailure(code: CURLE_OUT_OF_MEMORY)
            }
            list = longer
        }
        try TransferFailure.check(curl_easy_set_pointer(handle, CURLOPT_HTTPHEADER, list))
        curl_slist_free_all(headers)
        headers = list
    }

    /// Makes it a POST of these bytes, which must stay where they are until it has ended.
    public func setBody(_ bytes: UnsafeRawBufferPointer) throws(TransferFailure) {
        try TransferFailure.check(curl_easy_set_size(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bytes.count)))
        try TransferFailure.check(curl_easy_set_pointer(handle, CURLOPT_POSTFIELDS, bytes.baseAddress))
    }

    /// Sends the request and returns when the answer is there whole, whatever its status.
    ///
    /// - Throws: `TransferFailure`, or what `onBody` throws.
    public func perform() throws {
        prepare()
        try finish(curl_easy_perform(handle))
    }

    /// Forgets the last request's answer. For who drives the handle himself, before each request.
    public func prepare() {
        answers = []
        headerBytes = 0
        thrown = nil
        message.pointee = 0
    }

    /// Makes an error of how a request ended. For who drives the handle himself.
    ///
    /// - Throws: `TransferFailure`, or what `onBody` threw.
    public func finish(_ code: CURLcode) throws {
        if let thrown { throw thrown }
        guard code != CURLE_OK else { return }
        var systemError = 0
        curl_easy_get_long(handle, CURLINFO_OS_ERRNO, &systemError)
        throw TransferFailure(code: code, systemError: Int32(truncatingIfNeeded: systemError), detail: String(cString: message))
    }

    /// The last answer's; 0 if there was none.
    public var status: Int { number(CURLINFO_RESPONSE_CODE) }

    /// How many redirects were followed.
    public var redirects: Int { number(CURLINFO_REDIRECT_COUNT) }

    private func number(_ info: CURLINFO) -> Int {
        var value = 0
        return curl_easy_get_long(handle, info, &value) == CURLE_OK ? value : 0
    }
}
