// The body of product.c: the arithmetic of float32, whose word is one number.
#include "epilogue.inc.h"

typedef vec ISA(sums);
typedef float ISA(factor);
typedef vec ISA(weights);

EXCITE_INLINE float ISA(broadcast)(excite_word word) {
    float x;
    __builtin_memcpy(&x, &word, sizeof x);
    return x;
}

EXCITE_INLINE vec ISA(load_weights)(const char *row, int v) { return ((const vec *)row)[v]; }

EXCITE_INLINE vec ISA(multiply_add)(vec sums, float x, vec weights) { return sums + x * weights; }

EXCITE_INLINE void ISA(begin)(int pixels, int blocks, const void *ends, size_t first, vec (*sums)[TILE_BLOCKS][VECTORS]) {
    const excite_float_ends *e = ends;
    UNROLLED for (int b = 0; b < blocks; b++) {
        const float *output = e->output + (size_t)b * e->output_stride + first * excite_block;
        UNROLLED for (int p = 0; p < pixels; p++) {
            const float *from = e->bias ? e->bias + b * excite_block : output + p * excite_block;
            UNROLLED for (int v = 0; v < VECTORS; v++) sums[p][b][v] = ((const vec *)from)[v];
        }
    }
}

EXCITE_INLINE void ISA(end)(int pixels, int blocks, const void *ends, size_t first, vec (*sums)[TILE_BLOCKS][VECTORS]) {
    const excite_float_ends *e = ends;
    const float *residual = e->is_last ? e->residual : NULL;
    float *totals = e->is_last ? e->sums : NULL;
    UNROLLED for (int b = 0; b < blocks; b++) {
        const size_t at = (size_t)b * e->output_stride + first * excite_block;
        UNROLLED for (int v = 0; v < VECTORS; v++) {
            vec y[TILE_PIXELS];
            UNROLLED for (int p = 0; p < pixels; p++) y[p] = sums[p][b][v];
            ISA(finish)(pixels, y, residual ? residual + at : NULL, e->is_last && e->relu, e->output + at, v,
                        totals ? (vec *)(totals + b * excite_block) + v : NULL);
        }
    }
}

#define ROW_BYTES 64
#define PIXEL_WORDS 16
#include "product.inc.h"
#undef ROW_BYTES
#undef PIXEL_WORDS

void ISA(excite_multiply)(int32_t blocks, const excite_product *product) { ISA(multiply)(blocks, product); }
