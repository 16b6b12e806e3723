import CKernels

/// Rounds a row of weights one after the other, and hands what one loses on to the next. Any stretch of the row then has the sum that it had,
/// but for one rounding: that counts where neighbours are multiplied by numbers that are much alike, as the pixels under a window are, or
/// that are never negative, as channels after ReLU are. (First-order noise shaping.)
struct ErrorFeedback {
    private var carried: Float = 0

    /// - Parameters:
    ///   - limit: what a weight that cannot be had, because codes end, hands on at the most.
    ///   - rounded: the nearest weight that can be had.
    mutating func round(_ weight: Float, limit: Float, rounded: (Float) -> Float) -> Float {
        let wanted = weight + carried
        let result = rounded(wanted)
        let error = wanted - result
        carried = error.isFinite ? max(-limit, min(limit, error)) : 0
        return result
    }
}

extension Float {
    /// The nearest bfloat16, ties to even; not for NaN.
    var roundedToBFloat16: Float { Float(bitPattern: UInt32(excite_nearest_bfloat16(self)) << 16) }
}

extension [Float] {
    /// Rounds weights (rows, terms) to bfloat16, each row so that its sum stays what it was; those that are bfloat16 stay.
    mutating func roundToBFloat16(rows: Int) {
        let terms = count / rows
        withUnsafeMutableBufferPointer { weights in
            for start in stride(from: 0, to: weights.count, by: terms) {
                var feedback = ErrorFeedback()
                for index in start..<start + terms {
                    weights[index] = feedback.round(weights[index], limit: .infinity) { $0.roundedToBFloat16 }
                }
            }
        }
    }
}
