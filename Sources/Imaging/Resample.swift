import CImageRows

// Letters: h is the window's height; a lane is one sample of a row, three a pixel.

/// Resizes an image while its rows come and cuts a window out of the result, bit for bit as Pillow's `resize` and `crop` do: one axis to
/// 8 bits, then the other, each computed only where the window needs it.
///
/// The vertical pass works on sixteen lanes of a row at a time. The horizontal pass works on strips of eight rows, turned on their side,
/// so that it is the same arithmetic: one weight for a whole vector. Only as many rows are kept as one output row needs: resized ones, or
/// where the vertical pass goes first, the decoder's.
struct Resampler {
    private let columns: ResampleTable
    private let rows: ResampleTable
    private let source: any RowDecoder
    private let verticalFirst: Bool

    /// - Parameter source: has been started.
    init(_ source: any RowDecoder, _ columns: ResampleTable, _ rows: ResampleTable, verticalFirst: Bool) {
        self.source = source
        self.columns = columns
        self.rows = rows
        self.verticalFirst = verticalFirst
    }

    /// Reads all rows, and writes the window, (h, width of the window, 3), its rows `rowBytes` apart.
    func run(into output: UnsafeMutablePointer<UInt8>, rowBytes: Int) throws(ImageError) {
        try pass(over: rows.used.lowerBound)
        if verticalFirst {
            try runVerticalFirst(into: output, rowBytes)
        } else {
            try runHorizontalFirst(into: output, rowBytes)
        }
        try pass(over: source.height - rows.used.upperBound)
    }

    /// Reads rows that the window does not need.
    private func pass(over count: Int) throws(ImageError) {
        let strip = Scratch<UInt8>(min(8, count) * 3 * source.width, filledWith: 0)
        for first in stride(from: 0, to: count, by: 8) { try source.read(min(8, count - first), into: strip.base) }
    }

    private func runHorizontalFirst(into output: UnsafeMutablePointer<UInt8>, _ rowBytes: Int) throws(ImageError) {
        let lanes = 3 * columns.starts.count
        let sourceBytes = 3 * source.width
        let read = Scratch<UInt8>(8 * sourceBytes, filledWith: 0)
        // Strips of eight rows in a ring; as many as the taps of one output row can lie in.
        let strips = (rows.stride + 14) / 8
        let resized = Scratch<UInt8>(8 * strips * lanes, filledWith: 0)
        let turned = Turned(inputLanes: 3 * columns.used.count, outputLanes: lanes)
        let origin = rows.used.lowerBound
        var next = 0  // first strip not yet computed
        for y in rows.starts.indices {
            let first = rows.starts[y] - origin
            let end = first + rows.counts[y]
            while next * 8 < end {
                let count = min(8, rows.used.count - 8 * next)
                try source.read(count, into: read.base)
                // `nearest` passes over rows.
                if next * 8 + count > first {
                    let from = Rows(base: UnsafePointer(read.base) + 3 * columns.used.lowerBound, bytes: sourceBytes)
                    resizeStrip(from, turned, into: resized.base + next % strips * 8 * lanes, lanes, count)
                }
                next += 1
            }
            let ring = Rows(base: UnsafePointer(resized.base), bytes: lanes, wrap: 8 * strips)
            resizeVertically(ring, first, y, lanes, into: output + y * rowBytes)
        }
    }

    private func runVerticalFirst(into output: UnsafeMutablePointer<UInt8>, _ rowBytes: Int) throws(ImageError) {
        let lanes = 3 * columns.used.count
        let sourceBytes = 3 * source.width
        let kept = min(rows.stride, rows.used.count)
        let read = Scratch<UInt8>(kept * sourceBytes, filledWith: 0)
        let ring = Rows(base: UnsafePointer(read.base) + 3 * columns.used.lowerBound, bytes: sourceBytes, wrap: kept)
        let resized = Scratch<UInt8>(8 * lanes, filledWith: 0)
        let turned = Turned(inputLanes: lanes, outputLanes: 3 * columns.starts.count)
        let height = rows.starts.count
        let origin = rows.used.lowerBound
        var next = 0  // first row not yet read
        for strip in stride(from: 0, to: height, by: 8) {
            let count = min(8, height - strip)
            for row in 0..<count {
                let first = rows.starts[strip + row] - origin
                while next < first + rows.counts[strip + row] {
                    try source.read(1, into: read.base + next % kept * sourceBytes)
                    next += 1
                }
                resizeVertically(ring, first, strip + row, lanes, into: resized.base + row * lanes)
            }
            let from = Rows(base: UnsafePointer(resized.base), bytes: lanes)
            resizeStrip(from, turned, into: output + strip * rowBytes, rowBytes, count)
        }
    }

    // MARK: Passes

    /// Computes output row `y` from `rows.counts[y]` rows of `input` from number `first` on.
    private func resizeVertically(_ input: Rows, _ first: Int, _ y: Int, _ lanes: Int, into output: UnsafeMutablePointer<UInt8>) {
        rows.weights.withUnsafeBufferPointer { table in
            guard let weights = table.baseAddress.map({ $0 + y * rows.stride }) else { return }
            let count = rows.counts[y]
            let wholeLanes = lanes & ~15
            var lane = 0
            while lane < wholeLanes {
                var (s0, s1) = (Sums(), Sums())
                var row = input.wrapped(first)
                for tap in 0..<count {
                    let samples = UnsafeRawPointer(input.base + (row &* input.bytes &+ lane)).loadUnaligned(as: SIMD16<UInt8>.self)
                    let weight = SplitWeight(weights[tap])
                    s0.add(SIMD8<UInt16>(truncatingIfNeeded: samples.lowHalf), weight)
                    s1.add(SIMD8<UInt16>(truncatingIfNeeded: samples.highHalf), weight)
                    row = input.after(row)
                }
                let bytes = SIMD16(lowHalf: s0.rounded, highHalf: s1.rounded)
                UnsafeMutableRawPointer(output + lane).storeBytes(of: bytes, as: SIMD16<UInt8>.self)
                lane &+= 16
            }
            for lane in wholeLanes..<lanes {
                var sum: Int32 = 1 << (ResampleTable.fractionBits - 1)
                var row = input.wrapped(first)
                for tap in 0..<count {
                    sum &+= Int32(input.base[row &* input.bytes &+ lane]) &* weights[tap]
                    row = input.after(row)
                }
                output[lane] = UInt8(clamping: sum >> ResampleTable.fractionBits)
            }
        }
    }

    /// Resizes the first `count` rows of `input`, 1 to 8, horizontally; whatever the others hold is read, too.
    private func resizeStrip(_ input: Rows, _ turned: Turned, into output: UnsafeMutablePointer<UInt8>, _ rowBytes: Int, _ count: Int) {
        turned.fill(input)
        columns.weights.withUnsafeBufferPointer { table in
            guard let weights = table.baseAddress else { return }
            for x in columns.starts.indices {
                var (r, g, b) = (Sums(), Sums(), Sums())
                var samples = turned.input.base + 3 * (columns.starts[x] - columns.used.lowerBound)
                let taps = weights + x * columns.stride
                for tap in 0..<columns.counts[x] {
                    let weight = SplitWeight(taps[tap])
                    r.add(samples[0], weight)
                    g.add(samples[1], weight)
                    b.add(samples[2], weight)
                    samples += 3
                }
                turned.output.base[3 * x] = r.rounded
                turned.output.base[3 * x + 1] = g.rounded
                turned.output.base[3 * x + 2] = b.rounded
            }
        }
        turned.empty(into: output, rowBytes, count)
    }
}

// MARK: - Arithmetic

/// A weight of `ResampleTable`, cut in two so that 16-bit multiplications do: `weight = high * 65536 + low`.
private struct SplitWeight {
    let high: SIMD8<UInt16>
    let low: SIMD8<UInt16>

    @inline(__always)
    init(_ weight: Int32) {
        high = SIMD8(repeating: UInt16(truncatingIfNeeded: weight >> 16))
        low = SIMD8(repeating: UInt16(truncatingIfNeeded: weight))
    }
}

/// Eight running sums of weight times sample.
///
/// Pillow's 32-bit sums wrap modulo 2^32, so of `Σ high * sample`, which counts 2^16 times, the lower 16 bits are enough; and any order of
/// addition gives the same bits. SSE2 and NEON have all of these operations; 32-bit multiplication SSE2 has not.
private struct Sums {
    private var low = SIMD8<UInt32>()
    private var high = SIMD8<UInt16>()

    @inline(__always)
    mutating func add(_ samples: SIMD8<UInt16>, _ weight: SplitWeight) {
        low &+= SIMD8<UInt32>(truncatingIfNeeded: samples) &* SIMD8<UInt32>(truncatingIfNeeded: weight.low)
        high &+= samples &* weight.high
    }

    /// The sums, rounded to whole numbers and clamped to 0...255.
    @inline(__always)
    var rounded: SIMD8<UInt8> {
        let sum = low &+ (SIMD8<UInt32>(truncatingIfNeeded: high) &<< 16) &+ SIMD8(repeating: 1 << (ResampleTable.fractionBits - 1))
        let whole = SIMD8<Int32>(truncatingIfNeeded: sum) &>> SIMD8(repeating: ResampleTable.fractionBits)
        // By sign bits: SIMD masks and `clamped` are loops over the elements.
        let isAbove = (SIMD8(repeating: 255) &- whole) &>> 31
        let isBelow = whole &>> 31
        return SIMD8<UInt8>(truncatingIfNeeded: (whole | isAbove) & ~isBelow)
    }
}

// MARK: - Memory

/// Rows of samples at a fixed distance; row `wrap` is row 0 again.
private struct Rows {
    var base: UnsafePointer<UInt8>
    var bytes: Int
    var wrap = Int.max

    @inline(__always)
    func wrapped(_ row: Int) -> Int { row % wrap }

    @inline(__always)
    func after(_ row: Int) -> Int { row &+ 1 == wrap ? 0 : row &+ 1 }
}

/// A strip of eight rows on its side, before and after the horizontal pass: one vector holds one lane of all eight.
private struct Turned {
    let input: Scratch<SIMD8<UInt16>>
    let output: Scratch<SIMD8<UInt8>>

    init(inputLanes: Int, outputLanes: Int) {
        input = Scratch(inputLanes, filledWith: SIMD8())
        output = Scratch(outputLanes, filledWith: SIMD8())
    }

    /// Takes in eight rows.
    func fill(_ rows: Rows) {
        turn_rows(rows.base, rows.bytes, input.count, UnsafeMutableRawPointer(input.base).assumingMemoryBound(to: UInt16.self))
    }

    /// Writes the first `count` rows out.
    func empty(into rows: UnsafeMutablePointer<UInt8>, _ rowBytes: Int, _ count: Int) {
        let from = UnsafeRawPointer(output.base).assumingMemoryBound(to: UInt8.self)
        for row in 0..<count {
            let to = rows + row * rowBytes
            for lane in 0..<output.count { to[lane] = from[8 &* lane &+ row] }
        }
    }
}

/// Working memory of one resize.
final class Scratch<Element: BitwiseCopyable> {
    let base: UnsafeMutablePointer<Element>
    let count: Int

    init(_ count: Int, filledWith element: Element) {
        self.count = count
        base = .allocate(capacity: count)
        base.initialize(repeating: element, count: count)
    }

    deinit { base.deallocate() }
}
