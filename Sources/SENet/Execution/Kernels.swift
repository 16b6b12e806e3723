import CKernels
import COpenBLAS
import Glibc

/// The kernels of one instruction set.
///
/// `@unchecked Sendable`: a pointer to a constant table of the C target.
public struct Kernels: @unchecked Sendable {
    let table: UnsafePointer<excite_kernels>

    /// `avx512`, `avx2` or `portable`.
    public var name: String { String(cString: table.pointee.name) }

    /// The names that this CPU can run, fastest first.
    public static var available: [String] {
        var names: [String] = []
        guard var next = excite_kernels_available() else { return names }
        while let name = next.pointee {
            names.append(String(cString: name))
            next += 1
        }
        return names
    }

    /// The kernels of the named instruction set; nil takes the environment's `EXCITE_ISA`, else the fastest that this CPU has.
    ///
    /// - Throws: `ModelError.engine` if this CPU does not have it, or the process is not as `Engine.prepareProcess` makes it.
    public init(_ name: String? = nil) throws(ModelError) {
        guard openblas_get_num_threads() == 1 else {
            throw .engine(
                "OpenBLAS keeps using \(openblas_get_num_threads()) threads: install the pthreads build (libopenblas0-pthread), and call "
                    + "Engine.prepareProcess() first")
        }
        let environment = getenv("EXCITE_ISA").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
        let wanted = name ?? environment ?? Self.available.first ?? "portable"
        guard let table = excite_kernels_named(wanted) else {
            throw .engine("instruction set '\(wanted)' is not available on this CPU; it has: \(Self.available.joined(separator: ", "))")
        }
        self.table = table
    }

    /// Multiply-adds a second that one core reaches on registers alone, measured now: the best of a few tries of about a millisecond.
    public func multiplyAddLimit() -> Double {
        var best = 0.0
        for _ in 0..<20 {
            var count: Int64 = 0
            let started = ContinuousClock.now
            _ = table.pointee.multiply_adds(200_000, &count)
            let elapsed = ContinuousClock.now - started
            best = max(best, Double(count) / (Double(elapsed.components.attoseconds) * 1e-18 + Double(elapsed.components.seconds)))
        }
        return best
    }
}
