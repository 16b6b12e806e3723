import CKernels
import COpenBLAS

/// What the engine asks of the process that it runs in.
public enum Engine {
    /// Sets what holds for the whole process: OpenBLAS computes on the thread that calls it, and freed blocks of a MiB and more go back to the
    /// system. A program calls this once, at its start and before it makes `Kernels`.
    public static func prepareProcess() {
        excite_return_large_blocks()
        // Its own threads would compete with ours. Builds that use OpenMP silently ignore this: `Kernels` looks whether it took.
        openblas_set_num_threads(1)
    }
}
