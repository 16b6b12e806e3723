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
    static let hasAddressSanitizer = dlsym(dlopen(nil, RTLD_NOW), "__asan_init") != nil

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

/// Elements of any kind, guarded as `Floats` are: a kernel that writes past their end trips `isIntact`.
final class Elements {
    let element: excite_element
    let count: Int
    let pointer: UnsafeMutableRawPointer
    private let byteCount: Int
    private let guardCount: Int

    private static let canary: UInt8 = 0xA5

    /// Every byte is `byte`: what is read before it is written is not zero.
    init(_ element: excite_element, count: Int, filledWith byte: UInt8 = 0xFF) {
        self.element = element
        self.count = count
        byteCount = count * Self.size(element)
        guardCount = Floats.hasAddressSanitizer ? 0 : 256
        pointer = .allocate(byteCount: byteCount + guardCount, alignment: 64)
        pointer.initializeMemory(as: UInt8.self, repeating: byte, count: byteCount)
        (pointer + byteCount).initializeMemory(as: UInt8.self, repeating: Self.canary, count: guardCount)
    }

    /// Codes of all sizes, or numbers in [-1, 1).
    convenience init(random element: excite_element, count: Int, _ generator: inout Xorshift) {
        self.init(element, count: count)
        for i in 0..<count { self[i] = element == excite_uint8 ? Float(generator.next() >> 56) : generator.uniform() }
    }

    deinit { pointer.deallocate() }

    var isIntact: Bool {
        UnsafeRawBufferPointer(start: pointer + byteCount, count: guardCount).allSatisfy { $0 == Self.canary }
    }
    var bytes: [UInt8] { Array(UnsafeRawBufferPointer(start: pointer, count: byteCount)) }
    var values: [Float] { (0..<count).map { self[$0] } }

    /// A number that a bfloat16 cannot hold is rounded as the kernels round.
    subscript(i: Int) -> Float {
        get {
            switch element {
            case excite_uint8: Float(pointer.load(fromByteOffset: i, as: UInt8.self))
            case excite_bfloat16: Float(bitPattern: UInt32(pointer.load(fromByteOffset: 2 * i, as: UInt16.self)) << 16)
            default: pointer.load(fromByteOffset: 4 * i, as: Float.self)
            }
        }
        set {
            switch element {
            case excite_uint8: pointer.storeBytes(of: UInt8(newValue), toByteOffset: i, as: UInt8.self)
            case excite_bfloat16: pointer.storeBytes(of: UInt16(bfloat16Bits(newValue) >> 16), toByteOffset: 2 * i, as: UInt16.self)
            default: pointer.storeBytes(of: newValue, toByteOffset: 4 * i, as: Float.self)
            }
        }
    }

    static func size(_ element: excite_element) -> Int {
        switch element {
        case excite_uint8: 1
        case excite_bfloat16: 2
        default: 4
        }
    }
}

/// The bits of the bfloat16 that is nearest, ties to even, as those of a float.
func bfloat16Bits(_ x: Float) -> UInt32 {
    let bits = x.bitPattern
    return (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000
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

extension excite_span {
    /// All of an image.
    init(pixels: Int, blocks: Int) { self.init(first: 0, count: Int32(pixels), block: 0, blocks: Int32(blocks)) }

    /// An image in uneven parts: some pixels of all blocks but the last, the others of them, and the last block.
    static func parts(pixels: Int, blocks: Int) -> [excite_span] {
        let (middle, pixels, last) = (Int32(pixels / 3), Int32(pixels), Int32(blocks - 1))
        return [(Int32(0), middle, Int32(0), last), (middle, pixels - middle, 0, last), (0, pixels, last, 1)]
            .map { excite_span(first: $0, count: $1, block: $2, blocks: $3) }.filter { $0.count > 0 && $0.blocks > 0 }
    }
}

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
