import CKernels

/// An image's value as a session makes it: what a step has just written, before anything overwrites it.
struct ObservedValue {
    /// By its place in `Plan.images`.
    let index: Int
    let value: Value
    private let bytes: UnsafeRawPointer

    init(index: Int, value: Value, bytes: UnsafeRawPointer) {
        (self.index, self.value, self.bytes) = (index, value, bytes)
    }

    /// Calls `body` with each channel and the numbers that its pixels stand for.
    func forEachChannel(_ body: (Int, UnsafeBufferPointer<Float>) -> Void) { value.forEachChannel(at: bytes, body) }
}

extension Value {
    /// Calls `body` with each channel and the numbers that its pixels, which lie at `bytes` in the blocked layout, stand for.
    func forEachChannel(at bytes: UnsafeRawPointer, _ body: (Int, UnsafeBufferPointer<Float>) -> Void) {
        let (pixels, block) = (shape.pixels, Shape.block)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: pixels) { numbers in
            for channel in 0..<shape.channels {
                let first = channel / block * pixels * block + channel % block
                switch encoding {
                case .float32:
                    let elements = bytes.assumingMemoryBound(to: Float.self) + first
                    for pixel in 0..<pixels { numbers[pixel] = elements[pixel * block] }
                case .bfloat16:
                    let elements = bytes.assumingMemoryBound(to: UInt16.self) + first
                    for pixel in 0..<pixels { numbers[pixel] = Float(bitPattern: UInt32(elements[pixel * block]) << 16) }
                case .uint8(let code):
                    let elements = bytes.assumingMemoryBound(to: UInt8.self) + first
                    let (scale, zero) = (code.scale(of: channel), code.zero(of: channel))
                    for pixel in 0..<pixels { numbers[pixel] = (Float(elements[pixel * block]) - zero) * scale }
                }
                body(channel, UnsafeBufferPointer(numbers))
            }
        }
    }
}
