/// Takes one input. Whatever the bytes are, it must return: a trap, a sanitizer's report, a leak, or more time or memory than libFuzzer
/// allows is a finding.
typealias FuzzTarget = (UnsafeRawBufferPointer) -> Void

/// What the process fuzzes; set once, before libFuzzer runs.
nonisolated(unsafe) var chosenTarget: FuzzTarget = { _ in }

/// libFuzzer calls it for each input.
func runChosenTarget(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    chosenTarget(UnsafeRawBufferPointer(start: data, count: size))
    return 0
}

/// A finding where it does not hold. An optimised `precondition` would not say which one.
func require(_ condition: Bool, _ what: @autoclosure () -> String) {
    if !condition { fatalError(what()) }
}
