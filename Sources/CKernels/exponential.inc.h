// Exponentials in every lane. Included where `vec` and `ivec` say what a register is.

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
