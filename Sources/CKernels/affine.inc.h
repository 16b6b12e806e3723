// The body of affine.c.

#define ivec ISA(ivec)
typedef int32_t ivec __attribute__((ext_vector_type(LANES), may_alias));

/// e^x = power * (1 + rest), so that e^x - 1 = power * rest + (power - 1) keeps its digits near zero.
typedef struct {
    vec power, rest;
} ISA(exponential);

/// With x = n ln 2 + r, |r| <= ln 2 / 2: the power is 2^n, and the rest e^r - 1 by its Taylor series, whose first term left out, r^8 / 8!, is
/// below 6e-9. `x` is bounded to where 2^n is a normal number.
EXCITE_INLINE ISA(exponential) ISA(exponential_of)(vec x) {
    x = x < -87.0f ? (vec)-87.0f : x;
    x = x > 88.0f ? (vec)88.0f : x;
    // Adding 1.5 * 2^23 leaves the nearest integer in the low bits.
    const vec biased = x * 1.44269504f + 12582912.0f, n = biased - 12582912.0f;
    // ln 2 in two parts, the first with few enough bits that its product with n is exact.
    const vec r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    vec series = (vec)(1.0f / 5040);
    series = series * r + 1.0f / 720;
    series = series * r + 1.0f / 120;
    series = series * r + 1.0f / 24;
    series = series * r + 1.0f / 6;
    series = series * r + 0.5f;
    series = series * r + 1.0f;
    ivec bits;
    __builtin_memcpy(&bits, &biased, sizeof bits);
    bits = (bits << 23) + 0x3f800000;
    ISA(exponential) result = {.rest = series * r};
    __builtin_memcpy(&result.power, &bits, sizeof bits);
    return result;
}

EXCITE_INLINE vec ISA(sigmoid)(vec x) {
    const ISA(exponential) e = ISA(exponential_of)(-x);
    return 1.0f / (1.0f + (e.power * e.rest + e.power));
}

/// (e^2x - 1) / (e^2x + 1).
EXCITE_INLINE vec ISA(tangent)(vec x) {
    const ISA(exponential) e = ISA(exponential_of)(2.0f * x);
    const vec less = e.power * e.rest + (e.power - 1.0f);
    return less / (less + 2.0f);
}

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
                        excite_activation activation, int32_t channels, int32_t pixels, int32_t block, int32_t blocks,
                        float *output) {  // (C/16, pixels, 16)
    assert(pixels > 0 && block >= 0 && blocks > 0 && block + blocks <= excite_blocks(channels) && !factor == !shift);
    assert(excite_is_aligned(input) && excite_is_aligned(factor) && excite_is_aligned(shift) && excite_is_aligned(output));
    for (int32_t b = block; b < block + blocks; b++) {
        const size_t at = (size_t)b * (size_t)pixels * excite_block;
        const float *in = input + at, *by = factor ? factor + b * excite_block : NULL, *plus = shift ? shift + b * excite_block : NULL;
        const int32_t left = excite_min(channels - b * excite_block, excite_block);
        float *out = output + at;
#define CASE(name) \
    case excite_activation_##name: \
        if (factor) ISA(affine_block)(excite_activation_##name, true, in, by, plus, left, pixels, out); \
        else ISA(affine_block)(excite_activation_##name, false, in, by, plus, left, pixels, out); \
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
