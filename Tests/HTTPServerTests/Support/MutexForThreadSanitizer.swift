@testable import HTTPServer

#if THREAD_SANITIZER
    typealias Mutex = HTTPServer.Mutex
#endif
