// The body of affine.c.

#define ivec ISA(ivec)
typedef int32_t ivec __attribute__((ext_vector_type(LANES), may_alias));

#include "exponential.inc.h"

/// One block; `activation` and `scaled` are constants where this is inlined.
EXCITE_INLINE void ISA(affine_block)(excite_activation activation, bool scaled,
                                     const float *input,   // (pixels, 16)
                                     const float *factor,  // (16)
                                     const float *shift,   // (16)
                                     int32_t channels, int32_t pixels,
                                     float *output) {  // (pixels, 16)
    for (int32_t i = 0; i < pixels; i++) {
        UNROLLED for (int v = 0; v < VECTORS; v++) {
            vec y = ((const vec *)input)[i * VECTORS + v];
            if (scaled) y = y * ((const vec *)factor)[v] + ((const vec *)shift)[v];
            switch (activation) {
            case excite_activation_none: break;
            case excite_activation_relu: y = y < 0 ? (vec)0 : y; break;
            case excite_activation_sigmoid: y = ISA(sigmoid)(y); break;
            case excite_activation_tanh: y = ISA(tangent)(y); break;
            case excite_activation_silu: y = y * ISA(sigmoid)(y); break;
            }
            ((vec *)output)[i * VECTORS + v] = y;
        }
    }
    // A sigmoid makes 1/2 of the padding.
    for (int32_t c = channels; c < excite_block; c++) {
        for (int32_t i = 0; i < pixels; i++) output[i * excite_block + c] = 0;
    }
}

void ISA(excite_affine)(const float *input,   // (C/16, pixels, 16)
                        const float *factor,  // (C) or NULL
                        const float *shift,   // (C) or NULL
                        excite_activation activation, int32_t channels, int32_t pixels, const excite_span *span,
                        float *output) {  // (C/16, pixels, 16)
    assert(excite_is_span(span, pixels) && span->block + span->blocks <= excite_blocks(channels) && !factor == !shift);
    assert(excite_is_aligned(input) && excite_is_aligned(factor) && excite_is_aligned(shift) && excite_is_aligned(output));
    for (int32_t b = span->block; b < span->block + span->blocks; b++) {
        const size_t at = excite_at(1, pixels, b, 0, span->first);
        const float *in = input + at, *by = factor ? factor + b * excite_block : NULL, *plus = shift ? shift + b * excite_block : NULL;
        const int32_t left = excite_min(channels - b * excite_block, excite_block);
        float *out = output + at;
#define CASE(name) \
    case excite_activation_##name: \
        if (factor) ISA(affine_block)(excite_activation_##name, true, in, by, plus, left, span->count, out); \
        else ISA(affine_block)(excite_activation_##name, false, in, by, plus, left, span->count, out); \
        break
        switch (activation) {
            CASE(none);
            CASE(relu);
            CASE(sigmoid);
            CASE(tanh);
            CASE(silu);
        }
#undef CASE
    }
}

#undef ivec
