import Testing

@testable import SENet

@Suite("Rounding of weights and choice of codes")
struct RoundingTests {
    private static let convolutions = [
        Convolution(inputs: 8, outputs: 6, kernel: 1), Convolution(inputs: 4, outputs: 6, kernel: 3),
        Convolution(inputs: 12, outputs: 6, kernel: 3, stride: 2, groups: 3),
    ]
    private let height = 11
    private let width = 9

    /// Neighbours and channels that are much alike, and are never negative.
    private func image(_ channels: Int) -> [Float] {
        let noise = WeightFormula.uniform(name: "image", count: (channels + 1) * height * width).map { Float($0) }
        return (0..<channels * height * width).map { index in
            let (row, column) = (index % (height * width) / width, index % width)
            return noise[index] + 2 * noise[channels * height * width + row / 3 * 3 + column / 3] + Float(row) / 4
        }
    }

    /// Of each place the numbers under the window, (C, R, S), computed one by one.
    private func patches(_ convolution: Convolution, _ image: [Float]) -> [[Double]] {
        let size = (height + 2 * convolution.padding - convolution.kernel) / convolution.stride + 1
        let columns = (width + 2 * convolution.padding - convolution.kernel) / convolution.stride + 1
        return (0..<size * columns).map { place in
            (0..<convolution.inputs * convolution.kernel * convolution.kernel).map { tap in
                let (channel, offset) = (tap / (convolution.kernel * convolution.kernel), tap % (convolution.kernel * convolution.kernel))
                let row = place / columns * convolution.stride - convolution.padding + offset / convolution.kernel
                let column = place % columns * convolution.stride - convolution.padding + offset % convolution.kernel
                guard (0..<height).contains(row), (0..<width).contains(column) else { return 0 }
                return Double(image[(channel * height + row) * width + column])
            }
        }
    }

    private func covariance(_ convolution: Convolution, _ image: [Float]) -> InputCovariance {
        let pixels = height * width
        let means = (0..<convolution.inputs).map { channel in
            image[channel * pixels..<(channel + 1) * pixels].reduce(0.0) { $0 + Double($1) } / Double(pixels)
        }
        let shape = Shape(channels: convolution.inputs, height: height, width: width)
        let covariance = InputCovariance(convolution, input: shape, means: means, images: 1, hasMatrices: true)
        covariance.add { body in
            for channel in 0..<convolution.inputs {
                Array(image[channel * pixels..<(channel + 1) * pixels]).withUnsafeBufferPointer { body(channel, $0) }
            }
        }
        return covariance
    }

    @Test("takes the inputs' means and covariance from under the window, zeros at the border among them", arguments: convolutions)
    func covariances(_ convolution: Convolution) {
        let image = image(convolution.inputs)
        let (found, patches) = (covariance(convolution, image), patches(convolution, image))
        let taps = patches[0].count / convolution.groups
        let means = patches[0].indices.map { tap in patches.reduce(0) { $0 + $1[tap] } / Double(patches.count) }
        for (found, expected) in zip(found.means(), means) { #expect(abs(found - expected) < 1e-5) }
        for group in 0..<convolution.groups {
            let scales = (0..<convolution.inputs / convolution.groups).map { Float($0 + 1) }
            let matrix = found.matrix(group: group, scales: scales) ?? []
            #expect(matrix.count == taps * taps)
            for row in 0..<taps {
                for column in 0...row {
                    let (a, b) = (group * taps + row, group * taps + column)
                    let product = patches.reduce(0) { $0 + ($1[a] - means[a]) * ($1[b] - means[b]) } / Double(patches.count)
                    let window = convolution.kernel * convolution.kernel
                    let expected = product / Double((row / window + 1) * (column / window + 1))
                    #expect(abs(Double(matrix[row * taps + column]) - expected) < 1e-4, "group \(group), \(row), \(column)")
                }
            }
        }
    }

    @Test("changes the outputs less than the nearest weights do, and by as much as it says", arguments: convolutions)
    func outputs(_ convolution: Convolution) {
        let image = image(convolution.inputs)
        let (found, patches) = (covariance(convolution, image), patches(convolution, image))
        let (taps, rows) = (patches[0].count / convolution.groups, convolution.outputs / convolution.groups)
        let ones = [Float](repeating: 1, count: convolution.inputs / convolution.groups)
        for group in 0..<convolution.groups {
            let weights = WeightFormula.uniform(name: "weights \(group)", count: rows * taps).map { Float(40 * $0 - 20) }
            let rounding = LinearRounding(found.matrix(group: group, scales: ones), size: taps)
            let (rounded, errors) = rounding.round(weights, rows: rows, in: -127...127)
            #expect(rounded.allSatisfy { $0 == $0.rounded() && abs($0) < 40 })
            let nearest = LinearRounding(nil, size: taps).round(weights, rows: rows, in: -127...127).integers
            #expect(nearest == weights.map { $0.rounded(.toNearestOrEven) })
            /// The variance of what the weights' change adds to each output.
            func variances(_ integers: [Float]) -> [Double] {
                (0..<rows).map { row in
                    let sums = patches.map { patch in
                        (0..<taps).reduce(0.0) { sum, tap in
                            sum + Double(weights[row * taps + tap] - integers[row * taps + tap]) * patch[group * taps + tap]
                        }
                    }
                    let mean = sums.reduce(0, +) / Double(sums.count)
                    return sums.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(sums.count)
                }
            }
            let (found, plain) = (variances(rounded), variances(nearest))
            #expect(found.reduce(0, +) < 0.6 * plain.reduce(0, +), "\(found), nearest \(plain)")
            // The damping is in what it says.
            for (error, variance) in zip(errors, found) { #expect(error >= 0.999 * variance) }
            let bounded = rounding.round(weights, rows: rows, in: -4...4).integers
            #expect(bounded.allSatisfy { abs($0) <= 4 && $0 == $0.rounded() })
        }
    }

    @Test("rounds each weight by itself where nothing is known of the inputs", arguments: [Float(0), .infinity, .nan])
    func unknown(_ element: Float) {
        let weights: [Float] = [0.4, 0.6, -1.5, 200]
        let rounding = LinearRounding([Float](repeating: element, count: 4), size: 2)
        #expect(rounding.round(weights, rows: 2, in: -127...127).integers == [0, 1, -2, 127])
    }

    @Test("gives channels scales of their own where other images have the same range, and the common one where features are rare")
    func rareFeatures() {
        let images = 32
        func scales(_ number: (_ channel: Int, _ image: Int, _ pixel: Int) -> Float) -> [Float] {
            var choice = CodeChoice(channels: images, scaling: .perChannel)
            for pass in 0..<2 {
                for image in 0..<images {
                    for channel in 0..<images {
                        let numbers = (0..<16).map { number(channel, image, $0) }
                        numbers.withUnsafeBufferPointer {
                            if pass == 0 { choice.widen(channel, $0) } else { choice.count(channel, $0, half: 2 * image / images) }
                        }
                    }
                }
                if pass == 0 { choice.prepareToCount() }
            }
            return choice.choose().code.scale
        }
        let steady = scales { channel, _, pixel in Float(channel + 1) * Float(pixel) }
        #expect(steady[0] < steady[31] / 20)
        // Each in one image only, where it is as large.
        let rare = scales { channel, image, pixel in (image == channel ? 1 : 0.01) * Float(channel + 1) * Float(pixel) }
        #expect(rare.count == images && rare.allSatisfy { $0 > 0.8 * rare[31] }, "\(rare)")
    }
}
