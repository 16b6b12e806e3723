import COpenBLAS

/// How the numbers under a convolution's window vary together, over sampled places of the calibration images: of each group its covariance
/// matrix (K, K), K = C/G * R * S. What rounded weights change in the output is known from it.
final class InputCovariance {
    /// About how many places are sampled of all images together.
    static let samples = 16384
    /// Places that are added to the matrices at once.
    private static let batch = 256

    private let convolution: Convolution
    private let height: Int
    private let width: Int
    private let outputWidth: Int
    private let outputPixels: Int
    /// Of each channel: subtracted from what is seen, so that sums of squares lose no digits.
    private let center: [Float]
    private let placesPerImage: Int

    /// (G, K, K); the lower triangles count. Empty where only means are wanted.
    private var products: [Float]
    /// (batch, G * K)
    private var patches: [Float]
    private var sums: [Double]
    private var rows = 0
    private var (images, samples) = (0, 0)

    /// Numbers of a group under the window.
    private var taps: Int { convolution.inputs / convolution.groups * window }
    private var window: Int { convolution.kernel * convolution.kernel }

    /// Bytes of the matrices, which live until the weights have been rounded.
    static func byteCount(_ convolution: Convolution) -> Int {
        let taps = convolution.inputs / convolution.groups * convolution.kernel * convolution.kernel
        return convolution.groups * taps * taps * MemoryLayout<Float>.stride
    }

    /// - Parameters:
    ///   - input: the input's shape.
    ///   - means: of each channel of the input.
    ///   - images: how many there will be.
    ///   - hasMatrices: whether not only the means are wanted.
    init(_ convolution: Convolution, input: Shape, means: [Double], images: Int, hasMatrices: Bool) {
        self.convolution = convolution
        (height, width) = (input.height, input.width)
        func outputs(_ size: Int) -> Int { (size + 2 * convolution.padding - convolution.kernel) / convolution.stride + 1 }
        outputWidth = outputs(input.width)
        outputPixels = outputs(input.height) * outputWidth
        center = means.map { $0.isFinite ? Float($0) : 0 }
        placesPerImage = min(outputPixels, Self.batch, Self.samples.dividedRoundingUp(by: max(1, images)))
        let row = convolution.inputs * convolution.kernel * convolution.kernel
        products = [Float](repeating: 0, count: hasMatrices ? Self.byteCount(convolution) / MemoryLayout<Float>.stride : 0)
        patches = [Float](repeating: 0, count: Self.batch * row)
        sums = [Double](repeating: 0, count: row)
    }

    /// Samples an image of the input.
    ///
    /// - Parameter forEachChannel: calls its argument with each channel and the channel's pixels.
    func add(_ forEachChannel: ((Int, UnsafeBufferPointer<Float>) -> Void) -> Void) {
        if rows + placesPerImage > Self.batch { flush() }
        // Other places of each image.
        let phase = images * 7919 % outputPixels
        let places = (0..<placesPerImage).map { place in
            let pixel = (place * outputPixels + phase) / placesPerImage % outputPixels
            return (
                row: pixel / outputWidth * convolution.stride - convolution.padding,
                column: pixel % outputWidth * convolution.stride - convolution.padding
            )
        }
        let (stride, kernel) = (sums.count, convolution.kernel)
        patches.withUnsafeMutableBufferPointer { patches in
            forEachChannel { channel, numbers in
                let mean = center[channel]
                for (index, place) in places.enumerated() {
                    var element = (rows + index) * stride + channel * window
                    for row in place.row..<place.row + kernel {
                        for column in place.column..<place.column + kernel {
                            let isInside = row >= 0 && row < height && column >= 0 && column < width
                            patches[element] = (isInside ? numbers[row * width + column] : 0) - mean
                            element += 1
                        }
                    }
                }
            }
        }
        rows += placesPerImage
        images += 1
    }

    /// Adds the patches to the matrices.
    private func flush() {
        let (row, taps, count) = (sums.count, taps, Int32(rows))
        patches.withUnsafeBufferPointer { patches in
            for place in 0..<rows {
                for index in 0..<row { sums[index] += Double(patches[place * row + index]) }
            }
            guard !products.isEmpty, let start = patches.baseAddress else { return }
            products.withUnsafeMutableBufferPointer { products in
                guard let first = products.baseAddress else { return }
                for group in 0..<convolution.groups {
                    cblas_ssyrk(
                        CblasRowMajor, CblasLower, CblasTrans, Int32(taps), count, 1, start + group * taps, Int32(row), 1,
                        first + group * taps * taps, Int32(taps))
                }
            }
        }
        samples += rows
        rows = 0
    }

    /// The mean of each number under the window, (C, R, S), zeros outside the image among them.
    func means() -> [Double] {
        flush()
        return sums.enumerated().map { $1 / Double(max(1, samples)) + Double(center[$0 / window]) }
    }

    /// A group's matrix (K, K), whose lower triangle counts, for numbers that are divided by `scales`, one a channel of the group; nil where
    /// there is none.
    func matrix(group: Int, scales: [Float]) -> [Float]? {
        flush()
        guard !products.isEmpty, samples > 0 else { return nil }
        let (taps, window, count) = (taps, window, Float(samples))
        let factors = (0..<taps).map { 1 / scales[$0 / window] }
        let means = sums[group * taps..<(group + 1) * taps].map { Float($0 / Double(samples)) }
        return [Float](unsafeUninitializedCapacity: taps * taps) { matrix, initialized in
            let start = group * taps * taps
            for row in 0..<taps {
                for column in 0..<taps {
                    let product = column > row ? 0 : products[start + row * taps + column] / count - means[row] * means[column]
                    matrix[row * taps + column] = product * factors[row] * factors[column]
                }
            }
            initialized = taps * taps
        }
    }
}
