import Foundation

/// A folder that is there as long as this is.
final class TemporaryFolder {
    let url = FileManager.default.temporaryDirectory.appending(path: "excite-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: url) }

    func write(_ text: String, to name: String) throws { try Data(text.utf8).write(to: url.appending(path: name)) }
}

/// Waits for something that happens on another thread; the bound only keeps a failing test from hanging.
func eventually(_ condition: () -> Bool) -> Bool {
    let deadline = ContinuousClock.now + .seconds(300)
    while ContinuousClock.now < deadline {
        if condition() { return true }
        usleep(1000)
    }
    return false
}
