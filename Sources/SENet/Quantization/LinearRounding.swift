import COpenBLAS

/// Rounds rows of weights to whole numbers so that their products with numbers of a known covariance H change little: with H = L D Lᵀ (L unit
/// lower triangular) the mean square change (w - q)ᵀ H (w - q) is the sum of D_k ((Lᵀ (w - q))_k)², and from the last weight to the first
/// each is rounded after what the later ones have lost was added to it, times L. (Chee et al., arXiv 2307.13304, section 3; the same as
/// Frantar et al., arXiv 2210.17323.)
struct LinearRounding {
    /// Added to the diagonal, of its mean: what the samples do not know.
    static let damping: Float = 0.01
    /// Columns at a time.
    private static let block = 64

    private let size: Int
    /// The Cholesky factor's lower triangle, (K, K), each column divided by its diagonal element.
    private var factor: [Float]
    /// The diagonal of D.
    private var pivots: [Float]

    /// - Parameter matrix: H, (K, K), row-major; its lower triangle counts. Where it cannot be factored, because it is zero or not finite,
    ///   each weight is rounded by itself.
    init(_ matrix: [Float]?, size: Int) {
        self.size = size
        pivots = [Float](repeating: 1, count: size)
        factor = matrix ?? []
        guard !factor.isEmpty else { return }
        let damping = Self.damping * (0..<size).reduce(0) { $0 + factor[$1 * size + $1] } / Float(size)
        for index in 0..<size { factor[index * size + index] += damping }
        if factorize() {
            for row in 0..<size {
                for column in 0..<row { factor[row * size + column] /= factor[column * size + column] }
            }
            for index in 0..<size {
                pivots[index] = factor[index * size + index] * factor[index * size + index]
                factor[index * size + index] = 1
            }
        } else {
            factor = []
        }
    }

    /// Cholesky's factor in place of the lower triangle, a block of columns at a time. False where the matrix is not positive definite.
    private mutating func factorize() -> Bool {
        let size = size
        return factor.withUnsafeMutableBufferPointer { factor in
            guard let start = factor.baseAddress else { return false }
            for first in stride(from: 0, to: size, by: Self.block) {
                let count = min(Self.block, size - first)
                let diagonal = start + first * size + first
                cblas_sgemm(
                    CblasRowMajor, CblasNoTrans, CblasTrans, Int32(size - first), Int32(count), Int32(first), -1, start + first * size,
                    Int32(size), start + first * size, Int32(size), 1, diagonal, Int32(size))
                for column in 0..<count {
                    for row in column..<count {
                        var sum = Double(diagonal[row * size + column])
                        for index in 0..<column { sum -= Double(diagonal[row * size + index]) * Double(diagonal[column * size + index]) }
                        if row == column {
                            guard sum > 0, sum.isFinite else { return false }
                            diagonal[row * size + column] = Float(sum.squareRoot())
                        } else {
                            diagonal[row * size + column] = Float(sum) / diagonal[column * size + column]
                        }
                    }
                }
                cblas_strsm(
                    CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, Int32(size - first - count), Int32(count), 1, diagonal,
                    Int32(size), diagonal + count * size, Int32(size))
            }
            return true
        }
    }

    /// Rounds `rows` rows of `size` weights each.
    ///
    /// - Returns: the whole numbers, and of each row the mean square of what they change in the products.
    func round(_ weights: [Float], rows: Int, in range: ClosedRange<Float>) -> (integers: [Float], errors: [Double]) {
        var (integers, wanted, lost) = (weights, weights, weights)
        var errors = [Double](repeating: 0, count: rows)
        let starts = factor.isEmpty ? [] : Array(stride(from: 0, to: size, by: Self.block))
        guard !starts.isEmpty else {
            for index in weights.indices {
                integers[index] = max(range.lowerBound, min(range.upperBound, weights[index].rounded(.toNearestOrEven)))
                let error = Double(weights[index] - integers[index])
                errors[index / size] += error * error
            }
            return (integers, errors)
        }
        wanted.withUnsafeMutableBufferPointer { wanted in
            lost.withUnsafeMutableBufferPointer { lost in
                factor.withUnsafeBufferPointer { factor in
                    for first in starts.reversed() {
                        let end = min(first + Self.block, size)
                        for row in 0..<rows {
                            for column in (first..<end).reversed() {
                                let element = row * size + column
                                let integer = max(range.lowerBound, min(range.upperBound, wanted[element].rounded(.toNearestOrEven)))
                                integers[element] = integer
                                let error = Double(wanted[element] - integer)
                                errors[row] += error * error * Double(pivots[column])
                                lost[element] = weights[element] - integer
                                for other in first..<column { wanted[row * size + other] += lost[element] * factor[column * size + other] }
                            }
                        }
                        guard let wanted = wanted.baseAddress, let lost = lost.baseAddress, let factor = factor.baseAddress else { return }
                        cblas_sgemm(
                            CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(rows), Int32(first), Int32(end - first), 1, lost + first,
                            Int32(size), factor + first * size, Int32(size), 1, wanted, Int32(size))
                    }
                }
            }
        }
        return (integers, errors)
    }

    /// Of each row the mean square of its products: wᵀ H w.
    func energies(of weights: [Float], rows: Int) -> [Double] {
        var products = weights
        if !factor.isEmpty {
            cblas_strmm(
                CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasUnit, Int32(rows), Int32(size), 1, factor, Int32(size), &products,
                Int32(size))
        }
        return (0..<rows).map { row in
            (0..<size).reduce(0.0) { sum, column in
                let product = Double(products[row * size + column])
                return sum + product * product * Double(pivots[column])
            }
        }
    }
}
