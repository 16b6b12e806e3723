// The body of dot.c: the arithmetic of a kind of element, dense and grouped convolutions over it.
#pragma clang fp contract(off)
#include "elements.inc.h"

#if DOT_KIND == DOT_BFLOAT16 || DOT_KIND == DOT_PORTABLE_BFLOAT16 || DOT_KIND == DOT_NEON_BFLOAT16
#define DOT_ELEMENT excite_bfloat16
#define CHANNELS_A_WORD 2
typedef uint16_t ISA(element);
typedef float ISA(source);
#else
#define DOT_ELEMENT excite_uint8
#define CHANNELS_A_WORD 4
typedef uint8_t ISA(element);
typedef int8_t ISA(source);
#endif
#define PIXEL_WORDS (excite_block / CHANNELS_A_WORD)

#if DOT_KIND == DOT_WIDENED
#define ROW_BYTES 128
#else
#define ROW_BYTES 64
#endif

#if CHANNELS_A_WORD == 2
typedef vec ISA(sums);
#else
typedef ivec ISA(sums);
#endif

#if DOT_KIND == DOT_WIDENED

/// Bytes 0 and 2, then 1 and 3 of a word, as 16 bits.
typedef struct {
    ivec even, odd;
} ISA(factor);
typedef ISA(factor) ISA(weights);

EXCITE_INLINE ISA(factor) ISA(factor_of)(ivec word) { return (ISA(factor)){word & 0x00ff00ff, (word >> 8) & 0x00ff00ff}; }
EXCITE_INLINE ISA(weights) ISA(load_weights)(const char *row, int v) {
    return (ISA(weights)){((const ivec *)row)[v], ((const ivec *)(row + 64))[v]};
}

#else

typedef ivec ISA(factor);
typedef ivec ISA(weights);

EXCITE_INLINE ivec ISA(factor_of)(ivec word) {
#if DOT_KIND == DOT_NEON
    return word ^ (ivec)(int32_t)0x80808080;  // less 128: sdot takes signed bytes
#else
    return word;
#endif
}
EXCITE_INLINE ivec ISA(load_weights)(const char *row, int v) { return ((const ivec *)row)[v]; }

#endif

EXCITE_INLINE ISA(factor) ISA(broadcast)(excite_word word) { return ISA(factor_of)((ivec)(int32_t)word); }

EXCITE_INLINE ISA(sums) ISA(multiply_add)(ISA(sums) sums, ISA(factor) x, ISA(weights) w) {
#if DOT_KIND == DOT_VNNI && LANES == 16
    return (ivec)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)x, (__m512i)w);
#elif DOT_KIND == DOT_VNNI
    return (ivec)_mm256_dpbusd_avx_epi32((__m256i)sums, (__m256i)x, (__m256i)w);
#elif DOT_KIND == DOT_WIDENED && LANES == 16
    return sums + (ivec)_mm512_madd_epi16((__m512i)x.even, (__m512i)w.even) + (ivec)_mm512_madd_epi16((__m512i)x.odd, (__m512i)w.odd);
#elif DOT_KIND == DOT_WIDENED
    return sums + (ivec)_mm256_madd_epi16((__m256i)x.even, (__m256i)w.even) + (ivec)_mm256_madd_epi16((__m256i)x.odd, (__m256i)w.odd);
#elif DOT_KIND == DOT_NEON
    return (ivec)vdotq_s32((int32x4_t)sums, (int8x16_t)x, (int8x16_t)w);
#elif DOT_KIND == DOT_BFLOAT16
    return (vec)_mm512_dpbf16_ps((__m512)sums, (__m512bh)x, (__m512bh)w);
#elif DOT_KIND == DOT_NEON_BFLOAT16
    return (vec)vbfdotq_f32((float32x4_t)sums, (bfloat16x8_t)x, (bfloat16x8_t)w);
#elif DOT_KIND == DOT_PORTABLE_BFLOAT16
    const ivec high = (ivec)(int32_t)0xffff0000;
    sums += ISA(of_bits)(x & high) * ISA(of_bits)(w & high);
    return sums + ISA(of_bits)(x << 16) * ISA(of_bits)(w << 16);
#else
    UNROLLED for (int i = 0; i < 32; i += 8) sums += ((x >> i) & 255) * ((w << (24 - i)) >> 24);
    return sums;
#endif
}

/// What the sums of a block's outputs start with: the bias, or whole numbers that are packed with the weights.
EXCITE_INLINE ISA(sums) ISA(start)(const excite_dot_epilogue *e, int32_t block, const char *packed, int v) {
    const void *start = DOT_ELEMENT == excite_bfloat16 ? (const void *)(e->bias + block * excite_block) : (const void *)packed;
    return ((const ISA(sums) *)start)[v];
}

/// What becomes of a register of sums: see excite_dot_epilogue.
EXCITE_INLINE void ISA(finish)(int pixels, const ISA(sums) *sums, const excite_dot_epilogue *e, int32_t block, size_t at, int v,
                               void *output) {
    vec y[TILE_PIXELS > 8 ? TILE_PIXELS : 8];
    UNROLLED for (int p = 0; p < pixels; p++) y[p] = __builtin_convertvector(sums[p], vec);
    if (DOT_ELEMENT == excite_uint8) {
        const vec bias = ((const vec *)(e->bias + block * excite_block))[v];
        const vec multiplier = ((const vec *)(e->multiplier + block * excite_block))[v];
        UNROLLED for (int p = 0; p < pixels; p++) y[p] = ISA(fused)(y[p], multiplier, bias);
    }
    const size_t first = at / LANES + (size_t)v;
    if (e->residual) {
        if (DOT_ELEMENT == excite_uint8) {
            const vec multiplier = ((const vec *)(e->residual_multiplier + block * excite_block))[v];
            UNROLLED for (int p = 0; p < pixels; p++) {
                y[p] = ISA(fused)(ISA(load)(excite_uint8, e->residual, first + (size_t)(p * VECTORS)), multiplier, y[p]);
            }
        } else {
            UNROLLED for (int p = 0; p < pixels; p++) y[p] += ISA(load)(excite_bfloat16, e->residual, first + (size_t)(p * VECTORS));
        }
    }
    const float low = e->low;
    if (e->sums) {
        vec *total = (vec *)(e->sums + block * excite_block) + v;
        vec sum = *total;
        if (low == -INFINITY) {
            UNROLLED for (int p = 0; p < pixels; p++) sum += y[p];
        } else {
            UNROLLED for (int p = 0; p < pixels; p++) sum += y[p] > low ? y[p] : (vec)low;
        }
        *total = sum;
    }
    if (e->element == excite_float32) {
        UNROLLED for (int p = 0; p < pixels; p++) ISA(store)(excite_float32, output, first + (size_t)(p * VECTORS), y[p], low);
        return;
    }
#if DOT_KIND == DOT_BFLOAT16
    if (low > -INFINITY) {
        UNROLLED for (int p = 0; p < pixels; p++) y[p] = y[p] > low ? y[p] : (vec)low;
    }
    UNROLLED for (int p = 0; p < pixels; p++) ((__m256i *)output)[first + (size_t)p] = (__m256i)_mm512_cvtneps_pbh((__m512)y[p]);
#else
    ISA(store_pixels)(pixels, DOT_ELEMENT, output, first, y, low);
#endif
}

EXCITE_INLINE void ISA(begin)(int pixels, int blocks, const void *ends, size_t first, ISA(sums) (*sums)[TILE_BLOCKS][VECTORS]) {
    (void)first;
    const excite_dot_ends *e = ends;
    UNROLLED for (int b = 0; b < blocks; b++) {
        UNROLLED for (int v = 0; v < VECTORS; v++) {
            const ISA(sums) start = ISA(start)(&e->epilogue, b, (const char *)e->start + (size_t)b * e->weights_stride, v);
            UNROLLED for (int p = 0; p < pixels; p++) sums[p][b][v] = start;
        }
    }
}

EXCITE_INLINE void ISA(end)(int pixels, int blocks, const void *ends, size_t first, ISA(sums) (*sums)[TILE_BLOCKS][VECTORS]) {
    const excite_dot_ends *e = ends;
    UNROLLED for (int b = 0; b < blocks; b++) {
        const size_t at = (size_t)b * e->output_stride + first * excite_block;
        UNROLLED for (int v = 0; v < VECTORS; v++) {
            ISA(sums) column[TILE_PIXELS];
            UNROLLED for (int p = 0; p < pixels; p++) column[p] = sums[p][b][v];
            ISA(finish)(pixels, column, &e->epilogue, b, at, v, e->output);
        }
    }
}

#include "product.inc.h"

size_t ISA(excite_dot_packed_bytes)(const excite_convolution *c) {
    return (size_t)excite_blocks(c->outputs) * (excite_dot_start_bytes + excite_dot_rows(c, CHANNELS_A_WORD) * ROW_BYTES);
}

size_t ISA(excite_dot_scratch_bytes)(const excite_convolution *c, int32_t rows) {
    const size_t depth = excite_dot_depth(c, CHANNELS_A_WORD);
    if (!excite_is_copied(c, depth)) return 0;
    const int32_t planes = excite_is_side_by_side(c) ? 1 : c->planar_input ? 1 : excite_blocks(c->channels);
    return excite_band_count(c, rows, planes, depth) * sizeof(excite_word);
}

/// Writes one weight: output lane `o` of a row, the `part` of a word.
EXCITE_INLINE void ISA(put)(char *row, int32_t o, int32_t part, ISA(source) weight) {
#if DOT_KIND == DOT_WIDENED
    ((int16_t *)(row + (part & 1) * 64))[o * 2 + part / 2] = weight;
#elif CHANNELS_A_WORD == 4
    ((int8_t *)row)[o * 4 + part] = weight;
#else
    ((uint16_t *)row)[o * 2 + part] = excite_nearest_bfloat16(weight);
#endif
}

void ISA(excite_dot_pack)(const excite_convolution *c, int32_t block, int32_t blocks,
                          const void *weights,  // (O, C/G, R, S) of int8 or float
                          void *packed) {       // (O/16): the start of the sums, then (C/G/16, R, S, words, 16, channels a word)
    assert(excite_is_dot(c) && block >= 0 && blocks > 0 && block + blocks <= excite_blocks(c->outputs));
    const int32_t channels = c->channels / c->groups, taps = c->kernel_height * c->kernel_width;
    const bool grouped = excite_is_side_by_side(c);
    const int32_t words = grouped ? channels / CHANNELS_A_WORD : (int32_t)excite_dot_depth(c, CHANNELS_A_WORD);
    const int32_t planes = grouped ? 1 : excite_planes(c);
    const size_t rows = excite_dot_rows(c, CHANNELS_A_WORD), stride = excite_dot_start_bytes + rows * ROW_BYTES;
    for (int32_t b = block; b < block + blocks; b++) {
        char *start = (char *)packed + (size_t)b * stride, *row = start + excite_dot_start_bytes;
        memset(start, 0, stride);
        for (int32_t plane = 0; plane < planes; plane++) {
            for (int32_t tap = 0; tap < taps; tap++) {
                for (int32_t word = 0; word < words; word++, row += ROW_BYTES) {
                    for (int32_t lane = 0; lane < excite_block; lane++) {
                        const int32_t o = b * excite_block + lane;
                        for (int32_t part = 0; part < CHANNELS_A_WORD; part++) {
                            const int32_t k = (plane * words + word) * CHANNELS_A_WORD + part;
                            if (o >= c->outputs || k >= channels) continue;
                            const size_t from = ((size_t)o * (size_t)channels + (size_t)k) * (size_t)taps + (size_t)tap;
                            const ISA(source) weight = ((const ISA(source) *)weights)[from];
                            ISA(put)(row, lane, part, weight);
#if DOT_KIND == DOT_NEON
                            ((int32_t *)start)[lane] += 128 * weight;
#endif
                        }
                    }
                }
            }
        }
    }
}

/// Convolutions whose terms are whole words of every output of a block.
EXCITE_INLINE void ISA(dense)(const excite_convolution *c, const excite_tile *tile, excite_word border, const void *input,
                              const char *packed, const excite_dot_epilogue *epilogue, void *output, void *scratch) {
    const int32_t planes = excite_planes(c), group_blocks = excite_blocks(c->outputs / c->groups);
    const int32_t first_plane = tile->block / group_blocks * planes;
    const int32_t end_plane = ((tile->block + tile->blocks - 1) / group_blocks + 1) * planes;
    const size_t depth = excite_dot_depth(c, CHANNELS_A_WORD), plane_words = (size_t)c->height * (size_t)c->width * depth;
    const excite_band band = excite_read_band(c, tile->row, tile->rows, end_plane - first_plane, depth, border,
                                              (const excite_word *)input + (size_t)first_plane * plane_words, scratch);
    const size_t rows = excite_dot_rows(c, CHANNELS_A_WORD), stride = excite_dot_start_bytes + rows * ROW_BYTES;
    const size_t output_stride = excite_at(c->output_height, c->output_width, 1, 0, 0);

    int32_t blocks;
    for (int32_t block = tile->block; block < tile->block + tile->blocks; block += blocks) {
        const int32_t group = block / group_blocks;
        blocks = excite_product_blocks(TILE_BLOCKS, excite_min(tile->block + tile->blocks, (group + 1) * group_blocks) - block);
        const size_t at = excite_at(c->output_height, c->output_width, block, tile->row, 0);
        const size_t channel = (size_t)block * excite_block;
        const char *weights = packed + (size_t)block * stride;
        const excite_dot_ends ends = {
            .epilogue =
                {
                    .multiplier = epilogue->multiplier ? epilogue->multiplier + channel : NULL,
                    .bias = epilogue->bias + channel,
                    .residual = epilogue->residual ? (const ISA(element) *)epilogue->residual + at : NULL,
                    .residual_multiplier = epilogue->residual_multiplier ? epilogue->residual_multiplier + channel : NULL,
                    .sums = epilogue->sums ? epilogue->sums + channel : NULL,
                    .low = epilogue->low,
                    .element = epilogue->element,
                },
            .start = (const int32_t *)weights,
            .weights_stride = stride,
            .output = epilogue->element == excite_float32 ? (void *)((float *)output + at) : (void *)((ISA(element) *)output + at),
            .output_stride = output_stride,
        };
        // Neighbouring rows of pixels that follow each other in memory are one.
        const bool joined = band.line_stride == (size_t)c->output_width * band.step;
        const excite_product product = {
            .planes = planes,
            .kernel_rows = c->kernel_height,
            .run = (size_t)c->kernel_width * depth,
            .plane_stride = band.plane_stride,
            .row_stride = band.row_stride,
            .input = band.data + (size_t)(group * planes - first_plane) * band.plane_stride,
            .lines = joined ? 1 : tile->rows,
            .width = joined ? tile->rows * c->output_width : c->output_width,
            .step = band.step,
            .line_stride = band.line_stride,
            .weights = weights + excite_dot_start_bytes,
            .weights_stride = stride,
            .ends = &ends,
        };
        ISA(multiply)(blocks, &product);
    }
}

/// Word k of its own group in every lane of register `v` of a pixel's block. `depth` (channels a group), `v` and `k` are constants where this
/// is inlined.
EXCITE_INLINE ISA(factor) ISA(spread)(int depth, const excite_word *pixel, int v, int k) {
    const int words = depth / CHANNELS_A_WORD;
#if LANES == 4
    return ISA(broadcast)(pixel[v * LANES / depth * words + k]);
#else
    ivec lanes;
    UNROLLED for (int i = 0; i < LANES; i++) lanes[i] = (v * LANES + i) / depth * words + k;
#if LANES == 16 && CHANNELS_A_WORD == 4
    const __m512i x = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)pixel));
    const ivec spread = (ivec)_mm512_permutexvar_epi32((__m512i)lanes, x);
#elif LANES == 16
    const __m512i x = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)pixel));
    const ivec spread = (ivec)_mm512_permutexvar_epi32((__m512i)lanes, x);
#else
    const __m256i x = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)pixel));
    const ivec spread = (ivec)_mm256_permutevar8x32_epi32(x, (__m256i)lanes);
#endif
    return ISA(factor_of)(spread);
#endif
}

/// Register `v` of `pixels` neighbouring outputs. A spread input serves all outputs that it belongs to.
EXCITE_INLINE void ISA(grouped_tile)(int pixels, int depth, int stride, int v,
                                     const excite_word *input,  // (3, columns, words)
                                     size_t row_stride,
                                     const char *weights,  // the start of the sums, then (3, 3, words, 16)
                                     const excite_dot_epilogue *epilogue, int32_t block, size_t at, void *output) {
    const int words = depth / CHANNELS_A_WORD;
    ISA(sums) sums[8];
    const ISA(sums) start = ISA(start)(epilogue, block, weights, v);
    UNROLLED for (int p = 0; p < pixels; p++) sums[p] = start;
    weights += excite_dot_start_bytes;
    for (int r = 0; r < 3; r++) {
        const excite_word *row = input + (size_t)r * row_stride;
        UNROLLED for (int k = 0; k < words; k++) {
            ISA(weights) w[3];
            UNROLLED for (int s = 0; s < 3; s++) w[s] = ISA(load_weights)(weights + ((r * 3 + s) * words + k) * ROW_BYTES, v);
            UNROLLED for (int i = 0; i < (pixels - 1) * stride + 3; i++) {
                const ISA(factor) x = ISA(spread)(depth, row + i * PIXEL_WORDS, v, k);
                UNROLLED for (int s = 0; s < 3; s++) {
                    const int p = (i - s) / stride;
                    if (i >= s && (i - s) % stride == 0 && p < pixels) sums[p] = ISA(multiply_add)(sums[p], x, w[s]);
                }
            }
        }
    }
    ISA(finish)(pixels, sums, epilogue, block, at, v, output);
}

/// One row of one block, in tiles as float32's.
EXCITE_INLINE void ISA(grouped_row)(int depth, int stride, const excite_convolution *c, const excite_word *input, size_t row_stride,
                                    const char *weights, const excite_dot_epilogue *epilogue, int32_t block, size_t at, void *output) {
    const int32_t width = c->output_width, widest = c->stride > 2 ? 1 : width % 8 != 0 && width % 7 == 0 ? 7 : 8;
    for (int v = 0; v < VECTORS; v++) {
        int32_t x = 0;
#define ROW_IN_TILES_OF(pixels)                                                                                                         \
    for (; x + pixels <= width && pixels <= widest; x += pixels) {                                                                      \
        ISA(grouped_tile)(pixels, depth, stride, v, input + (size_t)(x * c->stride) * PIXEL_WORDS, row_stride, weights, epilogue, block, \
                          at + (size_t)x * excite_block, output);                                                                       \
    }
        ROW_IN_TILES_OF(8)
        ROW_IN_TILES_OF(7)
        ROW_IN_TILES_OF(4)
        ROW_IN_TILES_OF(2)
        ROW_IN_TILES_OF(1)
#undef ROW_IN_TILES_OF
    }
}

/// Convolutions of which a block holds several groups.
EXCITE_INLINE void ISA(grouped)(const excite_convolution *c, const excite_tile *tile, excite_word border, const void *input,
                                const char *packed, const excite_dot_epilogue *epilogue, void *output, void *scratch) {
    const int32_t depth = c->channels / c->groups;
    const size_t plane_words = (size_t)c->height * (size_t)c->width * PIXEL_WORDS;
    const size_t rows = excite_dot_rows(c, CHANNELS_A_WORD), stride = excite_dot_start_bytes + rows * ROW_BYTES;
    for (int32_t block = tile->block; block < tile->block + tile->blocks; block++) {
        const excite_band band = excite_read_band(c, tile->row, tile->rows, 1, PIXEL_WORDS, border,
                                                  (const excite_word *)input + (size_t)block * plane_words, scratch);
        const char *weights = packed + (size_t)block * stride;
        for (int32_t y = 0; y < tile->rows; y++) {
            const excite_word *line = band.data + (size_t)y * band.line_stride;
            const size_t at = excite_at(c->output_height, c->output_width, block, tile->row + y, 0);
#define ROW(depth, stride) ISA(grouped_row)(depth, stride, c, line, band.row_stride, weights, epilogue, block, at, output)
            if (depth == 4) c->stride == 1 ? ROW(4, 1) : ROW(4, 2);
            else c->stride == 1 ? ROW(8, 1) : ROW(8, 2);
#undef ROW
        }
    }
}

void ISA(excite_dot)(const excite_convolution *c, const excite_tile *tile, excite_word border,
                     const void *input,   // (C/16, H, W, 16) or (H, W, 4)
                     const void *packed,  // excite_dot_pack
                     const excite_dot_epilogue *epilogue,
                     void *output,     // (O/16, P, Q, 16)
                     void *scratch) {  // excite_dot_scratch_bytes
    assert(excite_is_dot(c) && excite_is_tile(tile, c->output_height, excite_blocks(c->outputs)) && epilogue->bias);
    assert(epilogue->element == excite_float32 || epilogue->element == DOT_ELEMENT);
    assert(DOT_ELEMENT == excite_bfloat16 || (epilogue->multiplier && (!epilogue->residual || epilogue->residual_multiplier)));
    assert(excite_is_aligned(packed) && excite_is_aligned(output) && (scratch || !excite_is_copied(c, excite_dot_depth(c, CHANNELS_A_WORD))));
    if (epilogue->sums) memset(epilogue->sums + tile->block * excite_block, 0, (size_t)tile->blocks * excite_block * sizeof(float));
    if (excite_is_side_by_side(c)) ISA(grouped)(c, tile, border, input, packed, epilogue, output, scratch);
    else ISA(dense)(c, tile, border, input, packed, epilogue, output, scratch);
}

/// Dot products on registers alone.
float ISA(excite_dot_limit)(int64_t rounds, int64_t *count) {
    // As many as a dense tile has, so that the latency is hidden as it is there.
    enum { chains = TILE_PIXELS * TILE_BLOCKS * VECTORS };
    ISA(sums) sums[chains];
    UNROLLED for (int i = 0; i < chains; i++) sums[i] = (ISA(sums))0;
    const ISA(factor) factor = ISA(broadcast)(0x01010101);
    char row[ROW_BYTES] __attribute__((aligned(64)));
    memset(row, 1, sizeof row);
    const ISA(weights) weights = ISA(load_weights)(row, 0);
    for (int64_t round = 0; round < rounds; round++) {
        UNROLLED for (int i = 0; i < chains; i++) {
            sums[i] = ISA(multiply_add)(sums[i], factor, weights);
            KEEP(sums[i]);
        }
    }
    ISA(sums) total = sums[0];
    UNROLLED for (int i = 1; i < chains; i++) total += sums[i];
    *count = rounds * chains * LANES * CHANNELS_A_WORD;
    return (float)total[0];
}

const excite_dot_kernels ISA(excite_dot_kernels) = {
    .packed_bytes = ISA(excite_dot_packed_bytes),
    .pack = ISA(excite_dot_pack),
    .scratch_bytes = ISA(excite_dot_scratch_bytes),
    .run = ISA(excite_dot),
    .limit = ISA(excite_dot_limit),
};

#undef DOT_ELEMENT
#undef CHANNELS_A_WORD
#undef PIXEL_WORDS
#undef ROW_BYTES
#undef ivec
