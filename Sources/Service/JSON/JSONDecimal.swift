/// A decimal number as JSON writes it: mantissa * 10^exponent.
struct JSONDecimal {
    /// The first 19 digits.
    private(set) var mantissa: UInt64 = 0
    /// Digits of the mantissa, without zeros before them.
    private(set) var digits = 0
    var exponent = 0
    var isNegative = false
    /// Whether there is neither a fraction nor an exponent.
    var isInteger = true

    private static let most = 19

    mutating func append(_ digit: UInt8) {
        if !keep(digit) { exponent += 1 }
    }

    mutating func append(fraction digit: UInt8) {
        if keep(digit) { exponent -= 1 }
    }

    private mutating func keep(_ digit: UInt8) -> Bool {
        guard digits < Self.most else { return false }
        mantissa = mantissa &* 10 &+ UInt64(digit)
        if mantissa != 0 { digits += 1 }
        return true
    }

    /// The nearest float, ties to even; nil where this way cannot tell.
    ///
    /// The double is off by at most 3 units in its last place: half a unit for the mantissa as a double, one for what was cut off it (10^-18
    /// of it), half a unit for a power of ten beyond 10^22, and half a unit for the product. Rounding it to a float gives what rounding the
    /// number itself does, unless the middle of two neighbouring floats lies that near. (Clinger, How to read floating point numbers
    /// accurately, 1990, has the exact case; the check for the others is the usual one.)
    var float: Float? {
        guard mantissa != 0 else { return isNegative ? -0.0 : 0 }
        guard abs(exponent) < Self.powers.count else { return nil }
        let power = Self.powers[abs(exponent)]
        let value = exponent < 0 ? Double(mantissa) / power : Double(mantissa) * power
        // Below, floats have fewer digits; above, there are none.
        guard value >= 0x1p-126, value < 0x1.fffffep127 else { return nil }
        // The bits that a float has not: from the middle of two floats they are 0x1000_0000.
        let below = Int64(value.bitPattern & 0x1FFF_FFFF) - 0x1000_0000
        guard abs(below) > 4 else { return nil }
        return Float(isNegative ? -value : value)
    }

    /// 10^0 to 10^60; exact up to 10^22, then nearest.
    private static let powers: [Double] = (0...60).map { exponent in Double("1e\(exponent)") ?? .infinity }
}
