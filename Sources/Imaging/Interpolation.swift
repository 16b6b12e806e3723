#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The filter an image is resized with, by timm's names; each does what Pillow's filter of that name does.
public enum Interpolation: String, Sendable, Codable, CaseIterable {
    case bicubic, bilinear, lanczos, hamming, box, nearest

    /// Half the filter's width at scale 1, in source pixels.
    var support: Double {
        switch self {
        case .box, .nearest: 0.5
        case .bilinear, .hamming: 1
        case .bicubic: 2
        case .lanczos: 3
        }
    }

    /// The filter's weight at distance `x`, not normalised. In double and in this order of operations, for Pillow's very bits.
    func weight(_ x: Double) -> Double {
        switch self {
        case .box, .nearest:
            return x > -0.5 && x <= 0.5 ? 1 : 0
        case .bilinear:
            let distance = abs(x)
            return distance < 1 ? 1 - distance : 0
        case .hamming:
            let distance = abs(x)
            if distance == 0 { return 1 }
            if distance >= 1 { return 0 }
            let angle = distance * .pi
            // Pillow's constants are single precision.
            return sin(angle) / angle * (Double(0.54 as Float) + Double(0.46 as Float) * cos(angle))
        case .bicubic:
            // Keys, "Cubic Convolution Interpolation for Digital Image Processing" (1981), a = -0.5.
            let a = -0.5
            let distance = abs(x)
            if distance < 1 { return ((a + 2) * distance - (a + 3)) * distance * distance + 1 }
            if distance < 2 { return (((distance - 5) * distance + 8) * distance - 4) * a }
            return 0
        case .lanczos:
            return x >= -3 && x < 3 ? Self.sinc(x) * Self.sinc(x / 3) : 0
        }
    }

    private static func sinc(_ x: Double) -> Double {
        if x == 0 { return 1 }
        let angle = x * .pi
        return sin(angle) / angle
    }
}
