import CKernels

/// What a plan knows of a value of one image.
struct Value: Sendable, Equatable {
    /// For people: the operation that makes it, or the part of an operation.
    var name: String
    var shape: Shape
    var layout = Layout.blocked
    var elementType = ElementType.float32
    /// More than one of a convolution's sums alone: a vector for each band of rows that the convolution computes at once.
    var bands = 1

    enum Layout: Sendable {
        /// (C, H, W).
        case planar
        /// (C/16, H, W, 16), as kernels.h describes it.
        case blocked
    }

    enum ElementType: Sendable {
        case float32

        var byteCount: Int {
            switch self {
            case .float32: MemoryLayout<Float>.stride
            }
        }
    }

    var byteCount: Int {
        let count =
            switch layout {
            case .planar: shape.count
            case .blocked: shape.blockedCount
            }
        return bands * count * elementType.byteCount
    }
}

extension Shape {
    /// Blocks of 16 channels.
    var blocks: Int { channels.dividedRoundingUp(by: Self.block) }
    /// Elements in the blocked layout.
    var blockedCount: Int { blocks * pixels * Self.block }
    /// The channels alone.
    var vector: Shape { Shape(channels: channels, height: 1, width: 1) }

    static let block = Int(excite_block)
}

extension Int {
    func roundedUp(toMultipleOf unit: Int) -> Int { (self + unit - 1) / unit * unit }
    func dividedRoundingUp(by divisor: Int) -> Int { (self + divisor - 1) / divisor }
}
