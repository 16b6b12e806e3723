// The body of narrow.c. Where a function is inlined, its elements and its activation are constants.
#pragma clang fp contract(off)
#include "elements.inc.h"
#include "exponential.inc.h"
#include "linear.inc.h"

/// activation(x) in every lane.
EXCITE_INLINE vec ISA(exactly_activated)(vec x, excite_activation activation) {
    switch (activation) {
    case excite_activation_none: return x;
    case excite_activation_relu: return x < 0 ? (vec)0 : x;
    case excite_activation_sigmoid: return ISA(sigmoid)(x);
    case excite_activation_tanh: return ISA(tangent)(x);
    case excite_activation_silu: return x * ISA(sigmoid)(x);
    }
}

/// Calls `function` with the element as a constant.
#define FOR_ELEMENT(element, function, ...)                                   \
    switch (element) {                                                        \
    case excite_float32: function(excite_float32, __VA_ARGS__); break;        \
    case excite_bfloat16: function(excite_bfloat16, __VA_ARGS__); break;      \
    case excite_uint8: function(excite_uint8, __VA_ARGS__); break;            \
    }

/// `count` pixels of one block, the first of them `at` elements from the image's start.
EXCITE_INLINE void ISA(map_block)(excite_element from, excite_element to, const excite_mapping *m, int32_t block, size_t at, int32_t count,
                                  const void *input, void *output) {
    for (int v = 0; v < VECTORS; v++) {
        const size_t channels = (size_t)(block * VECTORS + v), first = at / LANES + (size_t)v;
        const vec factor = ((const vec *)m->factor)[channels], shift = ((const vec *)m->shift)[channels];
        const vec to_factor = ((const vec *)m->to_factor)[channels], to_shift = ((const vec *)m->to_shift)[channels];
        for (int32_t i = 0; i < count; i++) {
            const size_t pixel = first + (size_t)i * VECTORS;
            const vec y = ISA(exactly_activated)(ISA(load)(from, input, pixel) * factor + shift, m->activation);
            ISA(store)(to, output, pixel, y * to_factor + to_shift, -INFINITY);
        }
    }
}

void ISA(excite_map)(const excite_mapping *m, int32_t pixels, const excite_span *span,
                     const void *input,  // (C/16, pixels, 16)
                     void *output) {     // (C/16, pixels, 16)
    assert(excite_is_span(span, pixels) && m->factor && m->shift && m->to_factor && m->to_shift);
    for (int32_t b = span->block; b < span->block + span->blocks; b++) {
        const size_t at = excite_at(1, pixels, b, 0, span->first);
#define MAP_FROM(from, to) ISA(map_block)(from, to, m, b, at, span->count, input, output)
        switch (m->to) {
        case excite_float32: FOR_ELEMENT(m->from, MAP_FROM, excite_float32) break;
        case excite_bfloat16: FOR_ELEMENT(m->from, MAP_FROM, excite_bfloat16) break;
        case excite_uint8: FOR_ELEMENT(m->from, MAP_FROM, excite_uint8) break;
        }
#undef MAP_FROM
    }
}

EXCITE_INLINE void ISA(interleave_image)(excite_element element, const float *factor, const float *shift, int32_t channels,
                                         int32_t pixels, const float *input, void *output) {
    for (int32_t i = 0; i < pixels; i++) {
        for (int32_t c = 0; c < 4; c++) {
            const float y = c < channels ? input[(size_t)c * (size_t)pixels + (size_t)i] * factor[c] + shift[c] : 0;
            const size_t at = (size_t)i * 4 + (size_t)c;
            if (element == excite_uint8) {
                const float low = y > 0 ? y : 0, bounded = low < 255 ? low : 255, rounded = bounded + EXCITE_ROUNDING;
                uint32_t bits;
                memcpy(&bits, &rounded, sizeof bits);
                ((uint8_t *)output)[at] = (uint8_t)bits;
            } else {
                uint32_t bits;
                memcpy(&bits, &y, sizeof bits);
                ((uint16_t *)output)[at] = (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
            }
        }
    }
}

void ISA(excite_interleave_pixels)(excite_element element, const float *factor, const float *shift, int32_t channels, int32_t pixels,
                                   const float *input,  // (C, pixels)
                                   void *output) {      // (pixels, 4)
    assert(channels > 0 && channels <= 4 && pixels > 0 && element != excite_float32);
    // With the number of channels as a constant the loops become shuffles.
#define INTERLEAVE(element)                                                                                        \
    if (channels == 3) ISA(interleave_image)(element, factor, shift, 3, pixels, input, output);                    \
    else ISA(interleave_image)(element, factor, shift, channels, pixels, input, output)
    if (element == excite_uint8) INTERLEAVE(excite_uint8);
    else INTERLEAVE(excite_bfloat16);
#undef INTERLEAVE
}

/// As map_block; `has_shortcut` is a constant where this is inlined.
EXCITE_INLINE void ISA(gate_block)(excite_element element, bool has_shortcut, const excite_gating *g, int32_t block, size_t at,
                                   int32_t count, const void *input, void *output) {
    for (int v = 0; v < VECTORS; v++) {
        const size_t channels = (size_t)(block * VECTORS + v), first = at / LANES + (size_t)v;
        vec factor = ((const vec *)g->factor)[channels], by = (vec)0;
        if (g->gate) factor *= ((const vec *)g->gate)[channels];
        const vec shift = ((const vec *)g->shift)[channels] - ((const vec *)g->zero)[channels] * factor;
        if (has_shortcut) by = ((const vec *)g->shortcut_factor)[channels];
        // Four pixels at a time: four registers of codes are stored as one.
        for (int32_t i = 0; i < count; i += 4) {
            vec y[4];
            const int pixels = excite_min(4, count - i);
            UNROLLED for (int j = 0; j < 4; j++) {
                const size_t pixel = first + (size_t)(i + (j < pixels ? j : 0)) * VECTORS;
                y[j] = ISA(fused)(ISA(load)(element, input, pixel), factor, shift);
                if (has_shortcut) y[j] = ISA(fused)(ISA(load)(element, g->shortcut, pixel), by, y[j]);
            }
            if (pixels == 4) ISA(store_pixels)(4, element, output, first + (size_t)i * VECTORS, y, g->low);
            else for (int j = 0; j < pixels; j++) ISA(store)(element, output, first + (size_t)(i + j) * VECTORS, y[j], g->low);
        }
    }
}

void ISA(excite_gate)(excite_element element, const excite_gating *g, int32_t pixels, const excite_span *span,
                      const void *input,  // (C/16, pixels, 16)
                      void *output) {     // (C/16, pixels, 16)
    assert(excite_is_span(span, pixels) && g->factor && g->zero && g->shift && (!g->shortcut || g->shortcut_factor));
    for (int32_t b = span->block; b < span->block + span->blocks; b++) {
        const size_t at = excite_at(1, pixels, b, 0, span->first);
        if (g->shortcut) {
            FOR_ELEMENT(element, ISA(gate_block), true, g, b, at, span->count, input, output)
        } else {
            FOR_ELEMENT(element, ISA(gate_block), false, g, b, at, span->count, input, output)
        }
    }
}

/// Register `to` of the output: a window's average, or its largest; a NaN wins, as in PyTorch. Loops over constants are unrolled where this
/// is inlined.
EXCITE_INLINE void ISA(pool_window)(excite_element element, bool average, const void *input, size_t first, size_t row_stride,
                                    int32_t rows, int32_t columns, vec outside, float area, void *output, size_t to) {
    if (element == excite_uint8 && !average) {
        // The largest number has the largest code.
        ISA(bytes) largest = (ISA(bytes))0;
        for (int32_t i = 0; i < rows; i++) {
            const ISA(bytes) *row = (const ISA(bytes) *)input + first + (size_t)i * row_stride;
            for (int32_t j = 0; j < columns; j++) largest = __builtin_elementwise_max(largest, row[j * VECTORS]);
        }
        ((ISA(bytes) *)output)[to] = largest;
        return;
    }
    vec result = average ? outside : (vec)-INFINITY;
    for (int32_t i = 0; i < rows; i++) {
        for (int32_t j = 0; j < columns; j++) {
            const vec value = ISA(load)(element, input, first + (size_t)i * row_stride + (size_t)(j * VECTORS));
            if (average) result += value;
            else result = ((value > result) | (value != value)) ? value : result;
        }
    }
    ISA(store)(element, output, to, average ? result / area : result, -INFINITY);
}

/// One block of one row; `average` is a constant where this is inlined.
EXCITE_INLINE void ISA(pool_elements)(excite_element element, bool average, const excite_pooling *p, const float *zero, int32_t block,
                                      int32_t y, const void *input, void *output) {
    const int32_t top = excite_max(y * p->stride - p->padding, 0), bottom = excite_min(y * p->stride - p->padding + p->kernel, p->height);
    const int32_t padded_rows = excite_min(p->kernel, p->height + 2 * p->padding - y * p->stride);
    const size_t row_stride = (size_t)p->width * VECTORS;
    for (int32_t x = 0; x < p->output_width; x++) {
        const int32_t left = excite_max(x * p->stride - p->padding, 0);
        const int32_t right = excite_min(x * p->stride - p->padding + p->kernel, p->width);
        const int32_t padded_columns = excite_min(p->kernel, p->width + 2 * p->padding - x * p->stride);
        const int32_t inside = (bottom - top) * (right - left), area = p->counts_padding ? padded_rows * padded_columns : inside;
        assert(inside > 0);
        const size_t to = excite_at(p->output_height, p->output_width, block, y, x) / LANES;
        for (int v = 0; v < VECTORS; v++) {
            const vec outside = average ? ((const vec *)zero)[block * VECTORS + v] * (float)(area - inside) : (vec)0;
            const size_t first = excite_at(p->height, p->width, block, top, left) / LANES + (size_t)v;
#define POOL_WINDOW(rows, columns) \
    ISA(pool_window)(element, average, input, first, row_stride, rows, columns, outside, (float)area, output, to + (size_t)v)
            if (inside == 9 && p->kernel == 3) POOL_WINDOW(3, 3);
            else POOL_WINDOW(bottom - top, right - left);
#undef POOL_WINDOW
        }
    }
}

void ISA(excite_pool_narrow)(excite_element element, const excite_pooling *p, const float *zero, const excite_tile *tile,
                             const void *input,  // (C/16, H, W, 16)
                             void *output) {     // (C/16, P, Q, 16)
    assert(excite_is_tile(tile, p->output_height, excite_blocks(p->channels)));
    for (int32_t block = tile->block; block < tile->block + tile->blocks; block++) {
        for (int32_t y = tile->row; y < tile->row + tile->rows; y++) {
            if (p->average) {
                FOR_ELEMENT(element, ISA(pool_elements), true, p, zero, block, y, input, output)
            } else {
                FOR_ELEMENT(element, ISA(pool_elements), false, p, zero, block, y, input, output)
            }
        }
    }
}

/// The index that a window's `i` means in an image of `size` rows or columns, or -1 for what lies outside.
EXCITE_INLINE int32_t ISA(blurred_index)(const excite_blurring *b, int32_t i, int32_t size) {
    if (i >= 0 && i < size) return i;
    if (!b->reflects) return -1;
    return i < 0 ? -i : 2 * (size - 1) - i;
}

EXCITE_INLINE void ISA(blur_elements)(excite_element element, const excite_blurring *b, const float *zero, int32_t block, int32_t y,
                                      const void *input, void *output) {
    for (int32_t x = 0; x < b->output_width; x++) {
        const size_t to = excite_at(b->output_height, b->output_width, block, y, x) / LANES;
        for (int v = 0; v < VECTORS; v++) {
            const vec outside = ((const vec *)zero)[block * VECTORS + v];
            vec sum = (vec)0;
            for (int32_t r = 0; r < 3; r++) {
                const int32_t row = ISA(blurred_index)(b, y * b->stride + r - 1, b->height);
                vec line = (vec)0;
                for (int32_t s = 0; s < 3; s++) {
                    const int32_t column = ISA(blurred_index)(b, x * b->stride + s - 1, b->width);
                    const bool is_inside = row >= 0 && column >= 0;
                    const size_t at = excite_at(b->height, b->width, block, row, column) / LANES + (size_t)v;
                    line += (is_inside ? ISA(load)(element, input, at) : outside) * (s == 1 ? 0.5f : 0.25f);
                }
                sum += line * (r == 1 ? 0.5f : 0.25f);
            }
            ISA(store)(element, output, to + (size_t)v, sum, -INFINITY);
        }
    }
}

void ISA(excite_blur_narrow)(excite_element element, const excite_blurring *b, const float *zero, const excite_tile *tile,
                             const void *input,  // (C/16, H, W, 16)
                             void *output) {     // (C/16, P, Q, 16)
    assert(excite_is_tile(tile, b->output_height, excite_blocks(b->channels)));
    for (int32_t block = tile->block; block < tile->block + tile->blocks; block++) {
        for (int32_t y = tile->row; y < tile->row + tile->rows; y++) {
            FOR_ELEMENT(element, ISA(blur_elements), b, zero, block, y, input, output)
        }
    }
}

/// One block: the sums, in whole numbers where the elements are, or the largest. `maximum` is a constant where this is inlined.
EXCITE_INLINE void ISA(reduce_block)(excite_element element, bool maximum, int32_t pixels, size_t first, const void *input,
                                     float *results) {
    enum { chains = ISA(chains) };
    for (int v = 0; v < VECTORS; v++) {
        vec result[chains];
        ivec whole[chains];
        for (int j = 0; j < chains; j++) {
            result[j] = (vec)(maximum ? -INFINITY : 0);
            whole[j] = (ivec)0;
        }
        for (int32_t i = 0; i < pixels; i++) {
            const size_t at = first + (size_t)i * VECTORS + (size_t)v;
            if (element == excite_uint8 && !maximum) {
                whole[i % chains] += __builtin_convertvector(((const ISA(bytes) *)input)[at], ivec);
            } else {
                const vec value = ISA(load)(element, input, at);
                if (maximum) result[i % chains] = ((value > result[i % chains]) | (value != value)) ? value : result[i % chains];
                else result[i % chains] += value;
            }
        }
        vec total;
        if (element == excite_uint8 && !maximum) {
            total = __builtin_convertvector((whole[0] + whole[1]) + (whole[2] + whole[3]), vec);
        } else if (maximum) {
            total = result[0];
            for (int j = 1; j < chains; j++) total = ((result[j] > total) | (result[j] != result[j])) ? result[j] : total;
        } else {
            total = (result[0] + result[1]) + (result[2] + result[3]);
        }
        ((vec *)results)[v] = total;
    }
}

void ISA(excite_reduce)(excite_element element, bool maximum,
                        const void *input,  // (C/16, pixels, 16)
                        int32_t pixels, int32_t block, int32_t blocks,
                        float *results) {  // (C)
    assert(pixels > 0 && block >= 0 && blocks > 0 && excite_is_aligned(results));
    for (int32_t b = block; b < block + blocks; b++) {
        const size_t first = (size_t)b * (size_t)pixels * VECTORS;
        float *to = results + b * excite_block;
        if (maximum) {
            FOR_ELEMENT(element, ISA(reduce_block), true, pixels, first, input, to)
        } else {
            FOR_ELEMENT(element, ISA(reduce_block), false, pixels, first, input, to)
        }
    }
}

void ISA(excite_scaled_sums)(const float *sums,  // (bands, C)
                             int32_t bands, const float *factor, const float *shift, int32_t channels,
                             float *results) {  // (C)
    assert(bands > 0 && channels > 0 && channels % excite_block == 0);
    for (int32_t c = 0; c < channels; c++) {
        float sum = 0;
        for (int32_t b = 0; b < bands; b++) sum += sums[(size_t)b * (size_t)channels + (size_t)c];
        results[c] = sum * factor[c] + shift[c];
    }
}

void ISA(excite_exact_linear)(const float *input,  // (C)
                              int32_t channels,
                              const void *packed,  // (O/16, C, 16) bfloat16
                              const float *bias,   // (O)
                              excite_activation activation, int32_t block, int32_t blocks,
                              float *output) {  // (O)
    assert(channels > 0 && block >= 0 && blocks > 0);
    assert(excite_is_aligned(packed) && excite_is_aligned(bias) && excite_is_aligned(output));
    for (int32_t o = block; o < block + blocks; o++) {
        ISA(multiply_vector)(excite_bfloat16, input, channels, packed, bias, o, output);
        for (int v = 0; v < VECTORS; v++) {
            vec *y = (vec *)output + o * VECTORS + v;
            *y = ISA(exactly_activated)(*y, activation);
        }
    }
}

#undef FOR_ELEMENT
#undef ivec
