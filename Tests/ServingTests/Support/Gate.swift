import Foundation
import Threads

@testable import Serving

/// Something that threads wait for until a test lets it happen. The bound only keeps a failing test from hanging.
final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func open() { semaphore.signal() }

    /// Waits until it is open, and leaves it open.
    func pass() {
        _ = semaphore.wait(timeout: .now() + 300)
        semaphore.signal()
    }
}

/// An image that no other thread can read before the gate opens: who makes and submits it sees its header, and it holds a decoder up for as
/// long as a test needs.
struct HeldImage: EncodedImage {
    let bytes: [UInt8]
    let gate: Gate
    private let maker = pthread_self()

    init(bytes: [UInt8], gate: Gate) {
        self.bytes = bytes
        self.gate = gate
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        if pthread_self() != maker { gate.pass() }
        return try bytes.withBytes(body)
    }
}

/// What was answered, in the order in which it came.
final class Answers: Sendable {
    typealias Answer = Result<Inference, InferenceError>
    private let list = Monitor<[(index: Int, answer: Answer)]>([])

    func add(_ index: Int, _ answer: Answer) { list.withLock { $0.append((index, answer)) } }

    /// The answers of a request's inputs, by their places.
    func add(_ results: [Answer]) { for (index, result) in results.enumerated() { add(index, result) } }

    /// A copy made under the lock: the thread sanitizer cannot see that an array is shared no more.
    var all: [(index: Int, answer: Answer)] { list.withLock { $0.map { $0 } } }

    /// Waits for that many, and sorts them by index.
    func sorted(_ count: Int) -> [Answer] {
        _ = eventually { list.withLock(\.count) >= count }
        return all.sorted { $0.index < $1.index }.map(\.answer)
    }
}

/// Waits for something that happens on another thread; the bound only keeps a failing test from hanging.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = ContinuousClock.now + .seconds(300)
    while ContinuousClock.now < deadline {
        if try condition() { return true }
        usleep(1000)
    }
    return false
}
