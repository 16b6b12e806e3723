import CKernels

/// What a plan knows of a value of one image.
struct Value: Sendable, Equatable {
    /// For people: the operation that makes it, or the part of an operation.
    var name: String
    var shape: Shape
    var layout = Layout.blocked
    var encoding = Encoding.float32
    /// More than one of a convolution's sums alone: a vector for each band of rows that the convolution computes at once.
    var bands = 1
    /// Of sums alone: what they are sums of, where that is codes.
    var summed: LinearCode?

    enum Layout: Sendable {
        /// (C, H, W).
        case planar
        /// (C/16, H, W, 16), as kernels.h describes it.
        case blocked
        /// (H, W, 4): an image's channels side by side.
        case interleaved
    }

    var byteCount: Int {
        let count =
            switch layout {
            case .planar: shape.count
            case .blocked: shape.blockedCount
            case .interleaved: shape.pixels * 4
            }
        return bands * count * encoding.byteCount
    }
}

/// What a value's elements are.
enum Encoding: Sendable, Equatable {
    case float32
    case bfloat16
    case uint8(LinearCode)

    /// Of one element.
    var byteCount: Int {
        switch self {
        case .float32: 4
        case .bfloat16: 2
        case .uint8: 1
        }
    }

    var element: excite_element {
        switch self {
        case .float32: excite_float32
        case .bfloat16: excite_bfloat16
        case .uint8: excite_uint8
        }
    }

    /// What an operation on such elements computes in.
    var precision: Precision {
        switch self {
        case .float32: .float32
        case .bfloat16: .bfloat16
        case .uint8: .int8
        }
    }

    var isFloat32: Bool { self == .float32 }

    /// The code, where there is one.
    var code: LinearCode? { if case .uint8(let code) = self { code } else { nil } }

    /// What an element stands for: scale * (element - zero).
    func scale(of channel: Int) -> Float { code?.scale(of: channel) ?? 1 }
    func zero(of channel: Int) -> Float { code?.zero(of: channel) ?? 0 }
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
