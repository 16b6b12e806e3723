// Letters: W and H are the source's size, w and h the window's; a lane is one sample of a window's row, 3 * w of them.

/// Resizes an image and cuts a window out of the result, in one go and bit for bit as Pillow's `resize` and `crop` do: one axis to 8 bits,
/// then the other, each computed only where the window needs it.
///
/// Rows go through in pairs. The horizontal pass widens two source rows to planes of 16 bits, where eight taps of a channel lie side by
/// side, and leaves each lane of both rows in one 32-bit word; the vertical pass then multiplies and adds two rows at a time. Both
/// inner loops are thus multiply-adds of adjacent 16-bit pairs, which every x86-64 and arm64 processor has as one instruction.
/// Only as many row pairs are kept as one output row needs.
struct Resampler {
    private let columns: ResampleTable
    private let rows: ResampleTable
    private let source: RGBImage
    /// Since version 13 Pillow takes an image vertically first where that axis shrinks by much more than the other
    /// (python-pillow/Pillow#9549); the 8-bit values between the passes make this visible in the result. Which images those are was found
    /// by trying thousands of sizes on Pillow 13.0.
    private let verticalFirst: Bool

    /// - Parameters:
    ///   - width, height: the size of the whole resized image.
    ///   - x, y: the window, within that size.
    init(_ source: RGBImage, width: Int, height: Int, x: Range<Int>, y: Range<Int>, _ interpolation: Interpolation) {
        self.source = source
        verticalFirst = source.height > height && source.height - height > 2 * (source.width - width)
        columns = ResampleTable(interpolation, source: source.width, target: width, window: x, startStep: 1, block: 8)
        rows = ResampleTable(interpolation, source: source.height, target: height, window: y, startStep: 2, block: 2)
    }

    /// Writes the window, (h, w, 3), its rows `rowBytes` apart.
    func run(into output: UnsafeMutablePointer<UInt8>, rowBytes: Int) {
        let lanes = 3 * (verticalFirst ? columns.used.count : columns.starts.count)
        let vectors = (lanes + 15) / 16 * 4  // of 4 lanes, in blocks of 4 vectors
        let capacity = rows.stride / 2
        let scratch = Scratch(
            planeLength: columns.used.count + columns.stride, pairVectors: vectors + 1, pairs: capacity, lanes: 4 * vectors)
        let lastPair = (rows.used.upperBound - 1) / 2
        var next = 0  // first pair of rows not yet computed
        for (y, start) in rows.starts.enumerated() {
            let first = start / 2
            let last = min(first + capacity - 1, lastPair)
            for pair in max(next, first)..<max(next, first, last + 1) {
                makePair(pair, scratch, into: scratch.pair(pair % capacity))
            }
            next = max(next, last + 1)
            computeRow(y, first...last, scratch, vectors)
            if verticalFirst {
                scratch.widen(scratch.row, to: 0, count: columns.used.count)
                resizeRow(scratch, into: output + y * rowBytes)
            } else {
                (output + y * rowBytes).update(from: scratch.row, count: lanes)
            }
        }
    }

    /// Makes the words of source rows 2 * pair and 2 * pair + 1, the even row in the lower halves: resized horizontally, or as they are
    /// where that pass comes last.
    private func makePair(_ pair: Int, _ scratch: Scratch, into words: UnsafeMutableRawPointer) {
        let bytes = 3 * source.width
        source.pixels.withUnsafeBufferPointer { pixels in
            guard let base = pixels.baseAddress else { return }
            let even = base + 2 * pair * bytes + 3 * columns.used.lowerBound
            // Beyond a last even row lies nothing; its weight is 0 and any row will do.
            let odd = 2 * pair + 1 < source.height ? even + bytes : even
            if verticalFirst {
                let lanes = words.assumingMemoryBound(to: Int32.self)
                for lane in 0..<3 * columns.used.count { lanes[lane] = Int32(even[lane]) | Int32(odd[lane]) << 16 }
            } else {
                scratch.widen(even, to: 0, count: columns.used.count)
                scratch.widen(odd, to: 3, count: columns.used.count)
                resizeRows(scratch, into: words)
            }
        }
    }

    // MARK: Horizontal

    /// Resizes the two rows in the planes to words.
    private func resizeRows(_ scratch: Scratch, into words: UnsafeMutableRawPointer) {
        forEachPixel { x, at, weights in
            let even = Self.pixel(scratch.plane(0) + at, scratch.planeBytes, weights)
            let odd = Self.pixel(scratch.plane(3) + at, scratch.planeBytes, weights)
            // The fourth word is overwritten by the next pixel, or lies in the padding.
            words.storeBytes(of: even | (odd &<< 16), toByteOffset: 12 * x, as: SIMD4<Int32>.self)
        }
    }

    /// Resizes the first row in the planes to bytes.
    private func resizeRow(_ scratch: Scratch, into output: UnsafeMutablePointer<UInt8>) {
        forEachPixel { x, at, weights in
            let pixel = Self.pixel(scratch.plane(0) + at, scratch.planeBytes, weights)
            for channel in 0..<3 { output[3 * x + channel] = UInt8(truncatingIfNeeded: pixel[channel]) }
        }
    }

    /// One output's weights, (taps).
    private struct Weights {
        var high: UnsafeRawPointer
        var low: UnsafeRawPointer
        var bytes: Int
    }

    /// Calls `body` with each output column, where its samples begin in a plane (in bytes), and its weights.
    @inline(__always)
    private func forEachPixel(_ body: (_ x: Int, _ at: Int, Weights) -> Void) {
        let bytes = 2 * columns.stride
        columns.high.withUnsafeBytes { high in
            columns.low.withUnsafeBytes { low in
                guard let high = high.baseAddress, let low = low.baseAddress else { return }
                for x in columns.starts.indices {
                    let weights = Weights(high: high + bytes * x, low: low + bytes * x, bytes: bytes)
                    body(x, 2 * (columns.starts[x] - columns.used.lowerBound), weights)
                }
            }
        }
    }

    /// The three channels of one output pixel and a meaningless fourth, from planes `distance` bytes apart.
    @inline(__always)
    private static func pixel(_ red: UnsafeRawPointer, _ distance: Int, _ weights: Weights) -> SIMD4<Int32> {
        var (r, g, b) = (Sum(), Sum(), Sum())
        let green = red + distance
        let blue = green + distance
        var at = 0
        while at < weights.bytes {
            let high = weights.high.loadUnaligned(fromByteOffset: at, as: SIMD8<Int16>.self)
            let low = weights.low.loadUnaligned(fromByteOffset: at, as: SIMD8<Int16>.self)
            r.add(red.loadUnaligned(fromByteOffset: at, as: SIMD8<Int16>.self), high, low)
            g.add(green.loadUnaligned(fromByteOffset: at, as: SIMD8<Int16>.self), high, low)
            b.add(blue.loadUnaligned(fromByteOffset: at, as: SIMD8<Int16>.self), high, low)
            at &+= 16
        }
        let (rs, gs, bs) = (r.value, g.value, b.value)
        let rg = SIMD4(lowHalf: rs.lowHalf, highHalf: gs.lowHalf) &+ SIMD4(lowHalf: rs.highHalf, highHalf: gs.highHalf)
        let bb = SIMD4(lowHalf: bs.lowHalf &+ bs.highHalf, highHalf: SIMD2())
        return toByteRange(
            SIMD4(lowHalf: rg.evenHalf, highHalf: bb.evenHalf) &+ SIMD4(lowHalf: rg.oddHalf, highHalf: bb.oddHalf))
    }

    // MARK: Vertical

    /// Computes row `y` of the window from its pairs of rows into `scratch.row`.
    private func computeRow(_ y: Int, _ pairs: ClosedRange<Int>, _ scratch: Scratch, _ vectors: Int) {
        let capacity = rows.stride / 2
        for index in 0..<pairs.count {
            let at = y * rows.stride + 2 * index
            scratch.weights[2 * index] = Self.alternating(rows.high[at], rows.high[at + 1])
            scratch.weights[2 * index + 1] = Self.alternating(rows.low[at], rows.low[at + 1])
        }
        let weights = UnsafePointer(scratch.weights)
        let firstSlot = pairs.lowerBound % capacity
        var block = 0
        while block < vectors {
            var (s0, s1, s2, s3) = (Sum(), Sum(), Sum(), Sum())
            var slot = firstSlot
            for index in 0..<pairs.count {
                let words = UnsafeRawPointer(scratch.pair(slot)) + 16 * block
                let high = weights[2 * index]
                let low = weights[2 * index + 1]
                s0.add(words.load(as: SIMD8<Int16>.self), high, low)
                s1.add(words.load(fromByteOffset: 16, as: SIMD8<Int16>.self), high, low)
                s2.add(words.load(fromByteOffset: 32, as: SIMD8<Int16>.self), high, low)
                s3.add(words.load(fromByteOffset: 48, as: SIMD8<Int16>.self), high, low)
                slot = slot &+ 1 == capacity ? 0 : slot &+ 1
            }
            let low = SIMD8(lowHalf: Self.toByteRange(s0.value), highHalf: Self.toByteRange(s1.value))
            let high = SIMD8(lowHalf: Self.toByteRange(s2.value), highHalf: Self.toByteRange(s3.value))
            let bytes = SIMD16<UInt8>(truncatingIfNeeded: SIMD16(lowHalf: low, highHalf: high))
            UnsafeMutableRawPointer(scratch.row).storeBytes(of: bytes, toByteOffset: 4 * block, as: SIMD16<UInt8>.self)
            block &+= 4
        }
    }

    @inline(__always)
    private static func alternating(_ a: Int16, _ b: Int16) -> SIMD8<Int16> {
        SIMD8(a, b, a, b, a, b, a, b)
    }

    // MARK: Arithmetic

    /// Four running sums, in the two parts that `ResampleTable` cuts the weights in.
    private struct Sum {
        private var high = SIMD4<Int32>()
        private var low = SIMD4<Int32>()

        /// Lane i takes samples 2i and 2i + 1.
        @inline(__always)
        mutating func add(_ samples: SIMD8<Int16>, _ highWeights: SIMD8<Int16>, _ lowWeights: SIMD8<Int16>) {
            high &+= Self.multiplyAddPairs(samples, highWeights)
            low &+= Self.multiplyAddPairs(samples, lowWeights)
        }

        @inline(__always)
        var value: SIMD4<Int32> { (high &<< ResampleTable.lowBits) &+ low }

        /// In this form the compiler finds PMADDWD. Its operands must come from memory: it sees through anything computed and takes
        /// the halves apart again, at twice the cost.
        @inline(__always)
        private static func multiplyAddPairs(_ a: SIMD8<Int16>, _ b: SIMD8<Int16>) -> SIMD4<Int32> {
            SIMD4<Int32>(truncatingIfNeeded: a.evenHalf) &* SIMD4<Int32>(truncatingIfNeeded: b.evenHalf)
                &+ SIMD4<Int32>(truncatingIfNeeded: a.oddHalf) &* SIMD4<Int32>(truncatingIfNeeded: b.oddHalf)
        }
    }

    /// Rounds a fixed-point sum to a whole number within 0...255.
    @inline(__always)
    private static func toByteRange(_ sum: SIMD4<Int32>) -> SIMD4<Int32> {
        let whole = (sum &+ SIMD4(repeating: 1 << (ResampleTable.fractionBits - 1))) &>> ResampleTable.fractionBits
        let positive = whole.replacing(with: 0, where: whole .< 0)
        return positive.replacing(with: 255, where: positive .> 255)
    }
}

/// The working memory of one resize.
private final class Scratch {
    /// Two rows of three planes, (2, 3, planeLength); the end of each plane is read under weights of 0.
    private let planes: UnsafeMutablePointer<Int16>
    private let planeLength: Int
    /// The last pairs of rows after the horizontal pass, (pairs, pairVectors) of four lanes times two rows.
    private let pairs: UnsafeMutablePointer<SIMD8<Int16>>
    private let pairVectors: Int
    /// The weights of one output row, (pairs, 2): high parts, low parts.
    let weights: UnsafeMutablePointer<SIMD8<Int16>>
    /// One output row, padded to whole blocks.
    let row: UnsafeMutablePointer<UInt8>

    init(planeLength: Int, pairVectors: Int, pairs count: Int, lanes: Int) {
        self.planeLength = planeLength
        self.pairVectors = pairVectors
        planes = .allocate(capacity: 6 * planeLength)
        planes.initialize(repeating: 0, count: 6 * planeLength)
        pairs = .allocate(capacity: count * pairVectors)
        pairs.initialize(repeating: SIMD8(), count: count * pairVectors)
        weights = .allocate(capacity: 2 * count)
        weights.initialize(repeating: SIMD8(), count: 2 * count)
        row = .allocate(capacity: lanes)
        row.initialize(repeating: 0, count: lanes)
    }

    deinit {
        planes.deallocate()
        pairs.deallocate()
        weights.deallocate()
        row.deallocate()
    }

    @inline(__always)
    func pair(_ slot: Int) -> UnsafeMutableRawPointer { UnsafeMutableRawPointer(pairs + slot * pairVectors) }

    @inline(__always)
    func plane(_ number: Int) -> UnsafeRawPointer { UnsafeRawPointer(planes + number * planeLength) }

    var planeBytes: Int { 2 * planeLength }

    /// Takes `count` RGB pixels apart into the three planes from number `plane` on.
    func widen(_ pixels: UnsafePointer<UInt8>, to plane: Int, count: Int) {
        let red = planes + plane * planeLength
        let green = red + planeLength
        let blue = green + planeLength
        for x in 0..<count {
            red[x] = Int16(pixels[3 &* x])
            green[x] = Int16(pixels[3 &* x &+ 1])
            blue[x] = Int16(pixels[3 &* x &+ 2])
        }
    }
}
