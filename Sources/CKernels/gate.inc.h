// The body of gate.c.

#include "elements.inc.h"
#include "linear.inc.h"

void ISA(excite_mean)(const float *sums,  // (bands, stride)
                      int32_t bands, int32_t stride, float scale, int32_t channels,
                      float *means) {  // (C)
    assert(bands > 0 && channels > 0 && channels % excite_block == 0 && stride >= channels);
    for (int32_t c = 0; c < channels; c++) {
        float sum = 0;
        for (int32_t b = 0; b < bands; b++) sum += sums[(size_t)b * (size_t)stride + (size_t)c];
        means[c] = scale * sum;
    }
}

void ISA(excite_sum_pixels)(const float *input,  // (blocks, pixels, 16)
                            int32_t pixels, int32_t blocks,
                            float *sums) {  // (blocks, 16)
    assert(pixels > 0 && blocks > 0 && excite_is_aligned(input) && excite_is_aligned(sums));
    for (int32_t block = 0; block < blocks; block++) {
        const vec *in = (const vec *)(input + (size_t)block * (size_t)pixels * excite_block);
        vec sum[ISA(chains)][VECTORS] = {0};
        int32_t i = 0;
        for (; i + ISA(chains) <= pixels; i += ISA(chains)) {
            for (int j = 0; j < ISA(chains); j++) {
                for (int v = 0; v < VECTORS; v++) sum[j][v] += in[(i + j) * VECTORS + v];
            }
        }
        for (int j = 0; i < pixels; i++, j++) {
            for (int v = 0; v < VECTORS; v++) sum[j][v] += in[i * VECTORS + v];
        }
        for (int v = 0; v < VECTORS; v++) {
            ((vec *)sums)[block * VECTORS + v] = (sum[0][v] + sum[1][v]) + (sum[2][v] + sum[3][v]);
        }
    }
}

EXCITE_INLINE float ISA(activated)(float x, excite_activation activation) {
    switch (activation) {
    case excite_activation_none: return x;
    case excite_activation_relu: return x < 0 ? 0 : x;
    case excite_activation_sigmoid: return 1 / (1 + expf(-x));
    case excite_activation_tanh: return tanhf(x);
    case excite_activation_silu: return x / (1 + expf(-x));
    }
}

void ISA(excite_linear)(const float *input,  // (C)
                        int32_t channels,
                        const void *packed,  // (O/16, C, 16) floats
                        const float *bias,    // (O)
                        excite_activation activation, int32_t block, int32_t blocks,
                        float *output) {  // (O)
    assert(channels > 0 && block >= 0 && blocks > 0);
    assert(excite_is_aligned(packed) && excite_is_aligned(bias) && excite_is_aligned(output));
    for (int32_t o = block; o < block + blocks; o++) {
        ISA(multiply_vector)(excite_float32, input, channels, packed, bias, o, output);
        for (int i = o * excite_block; i < (o + 1) * excite_block; i++) output[i] = ISA(activated)(output[i], activation);
    }
}

/// One block; `residual` and `relu` are constants where it is inlined.
EXCITE_INLINE void ISA(scale_block)(const float *input,     // (pixels, 16)
                                    const float *gate,      // (16)
                                    const float *shortcut,  // (pixels, 16)
                                    bool residual, bool relu, int32_t pixels,
                                    float *output) {  // (pixels, 16)
    vec factor[VECTORS];
    for (int v = 0; v < VECTORS; v++) factor[v] = ((const vec *)gate)[v];
    for (int32_t i = 0; i < pixels; i++) {
        for (int v = 0; v < VECTORS; v++) {
            vec y = ((const vec *)input)[i * VECTORS + v] * factor[v];
            if (residual) y = ((const vec *)input)[i * VECTORS + v] * factor[v] + ((const vec *)shortcut)[i * VECTORS + v];
            if (relu) y = y < 0 ? (vec)0 : y;
            ((vec *)output)[i * VECTORS + v] = y;
        }
    }
}

void ISA(excite_scale)(const float *input,     // (C/16, pixels, 16)
                       const float *gate,      // (C)
                       const float *shortcut,  // (C/16, pixels, 16) or NULL
                       excite_activation activation, int32_t pixels, const excite_span *span,
                       float *output) {  // (C/16, pixels, 16)
    assert(excite_is_span(span, pixels) && excite_is_simple(activation));
    assert(excite_is_aligned(input) && excite_is_aligned(gate) && excite_is_aligned(shortcut) && excite_is_aligned(output));
    const bool relu = activation == excite_activation_relu;
    for (int32_t block = span->block; block < span->block + span->blocks; block++) {
        const size_t at = excite_at(1, pixels, block, 0, span->first);
        const float *factor = gate + block * excite_block;
        if (shortcut) {
            if (relu) ISA(scale_block)(input + at, factor, shortcut + at, true, true, span->count, output + at);
            else ISA(scale_block)(input + at, factor, shortcut + at, true, false, span->count, output + at);
        } else {
            if (relu) ISA(scale_block)(input + at, factor, NULL, false, true, span->count, output + at);
            else ISA(scale_block)(input + at, factor, NULL, false, false, span->count, output + at);
        }
    }
}

#undef ivec
