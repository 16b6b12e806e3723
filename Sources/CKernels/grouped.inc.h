// The body of grouped.c. `pixels`, `depth` (channels a group) and `stride` are constants where the functions are inlined.
#include "epilogue.inc.h"

/// Channel k of its own group in every lane of register `v` of a pixel's block: a broadcast where a register holds no more than one
/// group, else one shuffle.
EXCITE_INLINE vec ISA(spread)(int depth, const float *pixel, int v, int k) {
#if LANES == 16
    const vec x = ((const vec *)pixel)[v];
    if (depth == 4) {
        switch (k) {
        case 0: return __builtin_shufflevector(x, x, 0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12);
        case 1: return __builtin_shufflevector(x, x, 1, 1, 1, 1, 5, 5, 5, 5, 9, 9, 9, 9, 13, 13, 13, 13);
        case 2: return __builtin_shufflevector(x, x, 2, 2, 2, 2, 6, 6, 6, 6, 10, 10, 10, 10, 14, 14, 14, 14);
        default: return __builtin_shufflevector(x, x, 3, 3, 3, 3, 7, 7, 7, 7, 11, 11, 11, 11, 15, 15, 15, 15);
        }
    }
    switch (k) {
    case 0: return __builtin_shufflevector(x, x, 0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8, 8, 8, 8, 8);
    case 1: return __builtin_shufflevector(x, x, 1, 1, 1, 1, 1, 1, 1, 1, 9, 9, 9, 9, 9, 9, 9, 9);
    case 2: return __builtin_shufflevector(x, x, 2, 2, 2, 2, 2, 2, 2, 2, 10, 10, 10, 10, 10, 10, 10, 10);
    case 3: return __builtin_shufflevector(x, x, 3, 3, 3, 3, 3, 3, 3, 3, 11, 11, 11, 11, 11, 11, 11, 11);
    case 4: return __builtin_shufflevector(x, x, 4, 4, 4, 4, 4, 4, 4, 4, 12, 12, 12, 12, 12, 12, 12, 12);
    case 5: return __builtin_shufflevector(x, x, 5, 5, 5, 5, 5, 5, 5, 5, 13, 13, 13, 13, 13, 13, 13, 13);
    case 6: return __builtin_shufflevector(x, x, 6, 6, 6, 6, 6, 6, 6, 6, 14, 14, 14, 14, 14, 14, 14, 14);
    default: return __builtin_shufflevector(x, x, 7, 7, 7, 7, 7, 7, 7, 7, 15, 15, 15, 15, 15, 15, 15, 15);
    }
#else
#if LANES == 8
    if (depth == 4) {
        const vec x = ((const vec *)pixel)[v];
        switch (k) {
        case 0: return __builtin_shufflevector(x, x, 0, 0, 0, 0, 4, 4, 4, 4);
        case 1: return __builtin_shufflevector(x, x, 1, 1, 1, 1, 5, 5, 5, 5);
        case 2: return __builtin_shufflevector(x, x, 2, 2, 2, 2, 6, 6, 6, 6);
        default: return __builtin_shufflevector(x, x, 3, 3, 3, 3, 7, 7, 7, 7);
        }
    }
#endif
    return (vec)pixel[v * LANES / depth * depth + k];
#endif
}

/// Register `v` of `pixels` neighbouring outputs. A shuffled input serves all outputs that it belongs to.
EXCITE_INLINE void ISA(grouped_tile)(int pixels, int depth, int stride, int v,
                                     const float *input,    // (3, columns, 16)
                                     size_t row_stride,     // floats from an input row to the next
                                     const float *weights,  // (3, depth, 3, 16)
                                     const excite_epilogue *epilogue, int32_t block,
                                     size_t at,  // of the first pixel in the output
                                     float *output) {
    vec sums[8];
    UNROLLED for (int p = 0; p < pixels; p++) sums[p] = ((const vec *)(epilogue->bias + block * excite_block))[v];
    for (int r = 0; r < 3; r++) {
        const float *row = input + (size_t)r * row_stride;
        UNROLLED for (int k = 0; k < depth; k++) {
            vec w[3];
            UNROLLED for (int s = 0; s < 3; s++) w[s] = ((const vec *)(weights + ((r * depth + k) * 3 + s) * excite_block))[v];
            UNROLLED for (int i = 0; i < (pixels - 1) * stride + 3; i++) {
                const vec x = ISA(spread)(depth, row + i * excite_block, v, k);
                UNROLLED for (int s = 0; s < 3; s++) {
                    const int p = (i - s) / stride;
                    if (i >= s && (i - s) % stride == 0 && p < pixels) sums[p] += x * w[s];
                }
            }
        }
    }
    vec total = (vec)0;
    ISA(finish)(pixels, sums, epilogue->residual ? epilogue->residual + at : NULL, epilogue->activation == excite_activation_relu,
                output + at, v, epilogue->sums ? &total : NULL);
    if (epilogue->sums) ((vec *)(epilogue->sums + block * excite_block))[v] += total;
}

/// One row of one block, in tiles of 8 pixels, or of 7 where the row is made of them as ImageNet's are. A stride of more than 2, which
/// no network here has, goes pixel by pixel.
EXCITE_INLINE void ISA(grouped_row)(int depth, int stride, const excite_convolution *c, const float *input, size_t row_stride,
                                    const float *weights, const excite_epilogue *epilogue, int32_t block, size_t at, float *output) {
    const int32_t width = c->output_width, widest = c->stride > 2 ? 1 : width % 8 != 0 && width % 7 == 0 ? 7 : 8;
    for (int v = 0; v < VECTORS; v++) {
        int32_t x = 0;
#define ROW_IN_TILES_OF(pixels)                                                                                                       \
    for (; x + pixels <= width && pixels <= widest; x += pixels) {                                                                    \
        ISA(grouped_tile)(pixels, depth, stride, v, input + (size_t)(x * c->stride) * excite_block, row_stride, weights, epilogue, block, \
                          at + (size_t)x * excite_block, output);                                                                     \
    }
        ROW_IN_TILES_OF(8)
        ROW_IN_TILES_OF(7)
        ROW_IN_TILES_OF(4)
        ROW_IN_TILES_OF(2)
        ROW_IN_TILES_OF(1)
#undef ROW_IN_TILES_OF
    }
}

void ISA(excite_grouped)(const excite_convolution *c, const excite_tile *tile,
                         const float *input,   // (C/16, H, W, 16)
                         const float *packed,  // (O/16, 3, C/G, 3, 16)
                         const excite_epilogue *epilogue,
                         float *output,     // (O/16, P, Q, 16)
                         float *scratch) {  // excite_grouped_scratch_count
    assert(is_grouped(c) && excite_is_tile(tile, c->output_height, excite_blocks(c->outputs)));
    assert(excite_is_epilogue(epilogue));
    assert(excite_is_aligned(packed) && excite_is_aligned(output) && (scratch || !excite_float_band_count(c, tile->rows, 1)));

    const int32_t depth = c->channels / c->groups;
    if (epilogue->sums) memset(epilogue->sums + tile->block * excite_block, 0, (size_t)tile->blocks * excite_block * sizeof(float));
    for (int32_t block = tile->block; block < tile->block + tile->blocks; block++) {
        const excite_band band = excite_float_band(c, tile->row, tile->rows, block, 1, input, scratch);
        const float *weights = packed + (size_t)block * block_weights(c);
        for (int32_t y = 0; y < tile->rows; y++) {
            const float *line = (const float *)(band.data + (size_t)y * band.line_stride);
            const size_t at = excite_at(c->output_height, c->output_width, block, tile->row + y, 0);
#define ROW(depth, stride) \
    ISA(grouped_row)(depth, stride, c, line, band.row_stride, weights, epilogue, block, at, output)
            if (depth == 4) c->stride == 1 ? ROW(4, 1) : ROW(4, 2);
            else c->stride == 1 ? ROW(8, 1) : ROW(8, 2);
#undef ROW
        }
    }
}
