import CKernels
import Foundation
import Testing

/// Floats aligned as the kernels ask for, with a canary behind the last one: a kernel that writes past its end trips `isIntact`.
/// Under the address sanitizer the allocation ends with the last float instead, so reads past the end are seen too.
final class Floats {
    let count: Int
    let pointer: UnsafeMutablePointer<Float>
    private let guardCount: Int

    private static let canary: Float = -12345.678
    private static let hasAddressSanitizer = dlsym(dlopen(nil, RTLD_NOW), "__asan_init") != nil

    init(count: Int, filledWith value: Float = .nan) {
        self.count = count
        guardCount = Self.hasAddressSanitizer ? 0 : 64
        let bytes = (count + guardCount) * MemoryLayout<Float>.stride
        pointer = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64).bindMemory(to: Float.self, capacity: count + guardCount)
        pointer.initialize(repeating: value, count: count)
        (pointer + count).initialize(repeating: Self.canary, count: guardCount)
    }

    convenience init(_ values: [Float]) {
        self.init(count: values.count)
        pointer.update(from: values, count: values.count)
    }

    /// Uniform in [-1, 1).
    convenience init(random count: Int, _ generator: inout Xorshift) {
        self.init(count: count)
        for i in 0..<count { pointer[i] = generator.uniform() }
    }

    deinit { pointer.deallocate() }

    var isIntact: Bool { (count..<count + guardCount).allSatisfy { pointer[$0] == Self.canary } }
    var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }
    var bits: [UInt32] { values.map(\.bitPattern) }

    /// Largest difference from `other`; not a number where either has one.
    func distance(to other: Floats) -> Float {
        precondition(count == other.count)
        var largest: Float = 0
        for i in 0..<count {
            let difference = abs(pointer[i] - other.pointer[i])
            if !(difference <= largest) { largest = difference }
            if largest.isNaN { break }
        }
        return largest
    }
}

/// The same numbers in every run, so that a failure can be repeated.
struct Xorshift: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    mutating func uniform() -> Float { Float(next() >> 40) / Float(1 << 23) - 1 }
}

/// The kernels of one instruction set that this machine can run; a test with them as its argument runs for all.
struct Kernels: CustomTestStringConvertible, Sendable {
    let name: String

    private let index: Int32
    var table: excite_kernels { excite_kernels_at(index).pointee }
    var testDescription: String { name }

    static let everywhere: [Kernels] = {
        var all: [Kernels] = []
        while let table = excite_kernels_at(Int32(all.count)) {
            all.append(Kernels(name: String(cString: table.pointee.name), index: Int32(all.count)))
        }
        return all
    }()

    /// Those that compute float32 each in its own way.
    static let all: [Kernels] = everywhere.reduce(into: []) { found, kernels in
        if !found.contains(where: { String(cString: $0.table.base) == String(cString: kernels.table.base) }) { found.append(kernels) }
    }
}

let allActivations = [
    excite_activation_none, excite_activation_relu, excite_activation_sigmoid, excite_activation_tanh, excite_activation_silu,
]

func blocks(_ channels: Int) -> Int { (channels + 15) / 16 }

/// A random activation (C/16, pixels, 16) whose padding channels are zero.
func randomActivation(channels: Int, pixels: Int, _ generator: inout Xorshift) -> Floats {
    let result = Floats(random: blocks(channels) * pixels * 16, &generator)
    clearPadding(result, channels: channels, pixels: pixels)
    return result
}

func clearPadding(_ activation: Floats, channels: Int, pixels: Int) {
    for channel in channels..<blocks(channels) * 16 {
        for pixel in 0..<pixels { activation.pointer[(channel / 16 * pixels + pixel) * 16 + channel % 16] = 0 }
    }
}

/// Random floats for O outputs, rounded up to whole blocks with zeros.
func randomPerChannel(_ channels: Int, _ generator: inout Xorshift) -> Floats {
    randomActivation(channels: channels, pixels: 1, &generator)
}
