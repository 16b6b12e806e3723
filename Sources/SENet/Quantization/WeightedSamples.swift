/// Numbers and how often each occurs, in vectors: many codes are tried on them.
struct WeightedSamples {
    /// The last ones are zeros that occur never, to fill the vector.
    private let numbers: [SIMD8<Double>]
    private let weights: [SIMD8<Double>]

    init(_ samples: some Collection<(number: Double, weight: Double)>) {
        var (numbers, weights): ([SIMD8<Double>], [SIMD8<Double>]) = ([], [])
        numbers.reserveCapacity(samples.count / 8 + 1)
        weights.reserveCapacity(samples.count / 8 + 1)
        var (number, weight) = (SIMD8<Double>.zero, SIMD8<Double>.zero)
        var lane = 0
        for sample in samples {
            (number[lane], weight[lane]) = (sample.number, sample.weight)
            lane += 1
            guard lane == 8 else { continue }
            numbers.append(number)
            weights.append(weight)
            (number, weight, lane) = (.zero, .zero, 0)
        }
        if lane > 0 {
            numbers.append(number)
            weights.append(weight)
        }
        (self.numbers, self.weights) = (numbers, weights)
    }

    /// The sum of the squares.
    var energy: Double { zip(numbers, weights).reduce(SIMD8<Double>.zero) { $0 + $1.0 * $1.0 * $1.1 }.sum() }

    /// The sum of the squares of what is lost if each becomes the nearest product of `scale` and a whole number of `codes`.
    func error(scale: Float, codes: ClosedRange<Double>) -> Double {
        let (scale, reciprocal) = (SIMD8(repeating: Double(scale)), 1 / Double(scale))
        let (lowest, highest) = (SIMD8(repeating: codes.lowerBound), SIMD8(repeating: codes.upperBound))
        // What is added to it and taken away again rounds a number to the nearest whole one.
        let rounding = SIMD8<Double>(repeating: 0x1.8p52)
        var sum = SIMD8<Double>.zero
        for index in numbers.indices {
            var code = (numbers[index] * reciprocal + rounding) - rounding
            code.replace(with: lowest, where: code .< lowest)
            code.replace(with: highest, where: code .> highest)
            let difference = numbers[index] - code * scale
            sum += difference * difference * weights[index]
        }
        return sum.sum()
    }
}
