import CKernels
import COpenBLAS
import Glibc

/// The kernels of one instruction set.
///
/// `@unchecked Sendable`: a pointer to a constant table of the C target.
public struct Kernels: @unchecked Sendable {
    let table: UnsafePointer<excite_kernels>

    /// `avx512bf16`, `avx512vnni`, `avx512`, `avx2vnni`, `avx2`, `bf16`, `dotprod` or `portable`.
    public var name: String { String(cString: table.pointee.name) }

    /// The names that this CPU can run, fastest first.
    public static var available: [String] { tables.map { String(cString: $0.pointee.name) } }

    /// Those of them that compute in the precision.
    static func available(for precision: Precision) -> [String] {
        tables.filter { precision != .bfloat16 || $0.pointee.bfloat16 != nil }.map { String(cString: $0.pointee.name) }
    }

    /// Those of them that compute float32 each in its own way.
    static var availableForFloat32: [String] {
        tables.map { String(cString: $0.pointee.base) }.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    private static var tables: [UnsafePointer<excite_kernels>] {
        var tables: [UnsafePointer<excite_kernels>] = []
        while let table = excite_kernels_at(Int32(tables.count)) { tables.append(table) }
        return tables
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
        guard let table = Self.tables.first(where: { String(cString: $0.pointee.name) == wanted }) else {
            throw .engine("instruction set '\(wanted)' is not available on this CPU; it has: \(Self.available.joined(separator: ", "))")
        }
        self.table = table
    }

    /// - Throws: `ModelError.engine` if these kernels cannot compute in the precision.
    func require(_ precision: Precision) throws(ModelError) {
        guard precision == .bfloat16, table.pointee.bfloat16 == nil else { return }
        throw .engine(
            "bf16 needs a processor with AVX-512 BF16 or Arm's BF16: this is computed with '\(name)', and the processor has: "
                + Self.available.joined(separator: ", "))
    }

    /// Multiply-adds a second that one core reaches on registers alone in the precision, measured now: the best of a few tries of about a
    /// millisecond. Nil where these kernels do not have it.
    public func multiplyAddLimit(_ precision: Precision = .float32) -> Double? {
        let tables = table.pointee
        let kernel: ((Int64, UnsafeMutablePointer<Int64>?) -> Float)?
        switch precision {
        case .float32: kernel = tables.multiply_adds
        case .bfloat16: kernel = tables.bfloat16?.pointee.limit
        case .int8: kernel = tables.uint8?.pointee.limit
        }
        guard let kernel else { return nil }
        var best = 0.0
        for _ in 0..<20 {
            var count: Int64 = 0
            let started = ContinuousClock.now
            _ = kernel(200_000, &count)
            let elapsed = ContinuousClock.now - started
            best = max(best, Double(count) / (Double(elapsed.components.attoseconds) * 1e-18 + Double(elapsed.components.seconds)))
        }
        return best
    }
}

/// The convolutions over elements of one kind.
///
/// `@unchecked Sendable`: a pointer to a constant table of the C target.
struct DotKernels: @unchecked Sendable {
    let table: UnsafePointer<excite_dot_kernels>
}
