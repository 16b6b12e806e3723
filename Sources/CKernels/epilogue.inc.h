// How every convolution ends. Included where `vec`, LANES and VECTORS say what a register is (see isa.h).

/// `y`: register `v` of `pixels` neighbouring pixels of a block, sums with their bias. They become relu(y + residual) where those are wanted,
/// are stored, and raise `sum`, pixel after pixel. `residual` and `output` are the first pixel's block of 16; `residual` and `sum` may be
/// NULL. `pixels` is a constant where this is inlined.
EXCITE_INLINE void ISA(finish)(int pixels, vec *y, const float *residual, bool relu, float *output, int v, vec *sum) {
    if (residual) {
        UNROLLED for (int p = 0; p < pixels; p++) y[p] += ((const vec *)residual)[p * VECTORS + v];
    }
    if (relu) {
        UNROLLED for (int p = 0; p < pixels; p++) y[p] = y[p] < 0 ? (vec)0 : y[p];
    }
    UNROLLED for (int p = 0; p < pixels; p++) ((vec *)output)[p * VECTORS + v] = y[p];
    if (sum) {
        UNROLLED for (int p = 0; p < pixels; p++) *sum += y[p];
    }
}
