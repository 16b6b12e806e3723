import ArgumentParser

/// Holds an option's value against its bounds.
///
/// - Throws: `ValidationError` with the option's name and the bounds.
func require(_ option: String, _ value: Int, in range: ClosedRange<Int>, _ unit: String = "") throws {
    guard !range.contains(value) else { return }
    throw outside(option, "from \(range.lowerBound.grouped) to \(range.upperBound.grouped)", unit, value.grouped)
}

/// The same for numbers with a fraction. What is not a number is in no range.
func require(_ option: String, _ value: Double, in range: ClosedRange<Double>, _ unit: String = "") throws {
    guard !range.contains(value) else { return }
    throw outside(option, "from \(brief(range.lowerBound)) to \(brief(range.upperBound))", unit, brief(value))
}

/// The same where the lower bound is not allowed itself.
func require(_ option: String, _ value: Double, above bound: Double, upTo largest: Double, _ unit: String = "") throws {
    guard !(value > bound && value <= largest) else { return }
    throw outside(option, "above \(brief(bound)) and at most \(brief(largest))", unit, brief(value))
}

private func outside(_ option: String, _ bounds: String, _ unit: String, _ value: String) -> ValidationError {
    ValidationError("\(option) must be \(bounds)\(unit.isEmpty ? "" : " \(unit)"), not \(value).")
}

private func brief(_ value: Double) -> String { Int(exactly: value).map(\.grouped) ?? "\(value)" }
