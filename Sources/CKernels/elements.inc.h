// Registers of numbers that lie in memory as float32, bfloat16 or uint8. Included where `vec`, LANES and VECTORS say what a register is.
// Nothing here is contracted but where `fused` says so: what is computed between two integers is the same on every instruction set.

#define ivec ISA(ivec)
typedef int32_t ivec __attribute__((ext_vector_type(LANES), may_alias));
typedef uint8_t ISA(bytes) __attribute__((ext_vector_type(LANES), may_alias, aligned(LANES)));
typedef uint16_t ISA(halves) __attribute__((ext_vector_type(LANES), may_alias, aligned(2 * LANES)));

/// Adding it leaves the nearest integer, ties to even, in the low bits.
#define EXCITE_ROUNDING 12582912.0f

EXCITE_INLINE ivec ISA(bits)(vec x) {
    ivec bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    return bits;
}

EXCITE_INLINE vec ISA(of_bits)(ivec bits) {
    vec x;
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
}

/// x * y + z, rounded once.
EXCITE_INLINE vec ISA(fused)(vec x, vec y, vec z) { return __builtin_elementwise_fma(x, y, z); }

/// Register `i` of elements. The element's kind is a constant where this is inlined.
EXCITE_INLINE vec ISA(load)(excite_element element, const void *data, size_t i) {
    switch (element) {
    case excite_float32: return ((const vec *)data)[i];
    case excite_bfloat16: return ISA(of_bits)(__builtin_convertvector(((const ISA(halves) *)data)[i], ivec) << 16);
    case excite_uint8: return __builtin_convertvector(__builtin_convertvector(((const ISA(bytes) *)data)[i], ivec), vec);
    }
}

/// The nearest bfloat16, ties to even, in the low half of each lane; not for NaN.
EXCITE_INLINE ivec ISA(halved)(vec x) {
    const ivec bits = ISA(bits)(x);
    return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

/// Writes register `i` of elements, none below `low`. A uint8 is rounded to the nearest, ties to even, between 0 and 255.
EXCITE_INLINE void ISA(store)(excite_element element, void *data, size_t i, vec y, float low) {
    y = y > low ? y : (vec)low;  // a NaN becomes `low`, too
    switch (element) {
    case excite_float32: ((vec *)data)[i] = y; break;
    case excite_bfloat16: ((ISA(halves) *)data)[i] = __builtin_convertvector(ISA(halved)(y), ISA(halves)); break;
    case excite_uint8:
        y = y > 0 ? y : (vec)0;
        y = y < 255 ? y : (vec)255;
        ((ISA(bytes) *)data)[i] = __builtin_convertvector(ISA(bits)(y + EXCITE_ROUNDING), ISA(bytes));
        break;
    }
}

/// Writes `pixels` registers of neighbouring pixels, VECTORS apart, as `store` does, in fewer instructions where there are such.
EXCITE_INLINE void ISA(store_pixels)(int pixels, excite_element element, void *data, size_t first, const vec *y, float low) {
#if LANES == 16 && defined(__x86_64__)
    if (element == excite_uint8) {
        __m512i codes[8];
        if (low > 0) {
            UNROLLED for (int p = 0; p < pixels; p++) codes[p] = _mm512_cvtps_epi32((__m512)(y[p] > low ? y[p] : (vec)low));
        } else {
            // What is below zero, and NaN, becomes zero where codes are packed.
            UNROLLED for (int p = 0; p < pixels; p++) codes[p] = _mm512_cvtps_epi32((__m512)y[p]);
        }
        UNROLLED for (int p = 0; p < pixels; p++) {
            __m128i *to = (__m128i *)data + first + (size_t)p;
            if (p % 4 == 0 && p + 4 <= pixels) {
                // Four pixels are a register of bytes.
                const __m512i pair = _mm512_packs_epi32(codes[p], codes[p + 1]), next = _mm512_packs_epi32(codes[p + 2], codes[p + 3]);
                const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
                _mm512_storeu_si512(to, _mm512_permutexvar_epi32(order, _mm512_packus_epi16(pair, next)));
            } else if (p >= pixels / 4 * 4) {
                _mm_store_si128(to, _mm512_cvtusepi32_epi8(_mm512_max_epi32(codes[p], _mm512_setzero_si512())));
            }
        }
        return;
    }
#endif
    UNROLLED for (int p = 0; p < pixels; p++) ISA(store)(element, data, first + (size_t)(p * VECTORS), y[p], low);
}
