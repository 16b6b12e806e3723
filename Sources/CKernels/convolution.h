// What the convolutions' families share and no instruction set changes.
#pragma once
#include <string.h>

#include "product.h"

/// A band of an input with its border of padding: (planes, rows, width, depth). Everything is in words.
typedef struct {
    const excite_word *data;          // the first output pixel's window
    size_t plane_stride, row_stride;  // from one block of channels, one row to the next
    size_t depth;                     // of a pixel: a block of 16 channels, or all channels of an interleaved image
    size_t step, line_stride;         // from one output pixel's window, one output row's to the next
} excite_band;

/// Rows of padded input that `rows` rows of output read.
EXCITE_INLINE int32_t excite_input_rows(const excite_convolution *c, int32_t rows) {
    return (rows - 1) * c->stride + c->kernel_height;
}

/// Blocks of input channels of one group; a planar input counts as one.
EXCITE_INLINE int32_t excite_planes(const excite_convolution *c) {
    return c->planar_input ? 1 : excite_blocks(c->channels / c->groups);
}

/// Whether some pixels are never read, a projection with a stride, and are left out of a copy: pixels of 64 bytes that lie 128 apart use only
/// every other set of a cache. Smaller pixels share their lines with those between them.
EXCITE_INLINE bool excite_is_sampled(const excite_convolution *c, size_t depth) {
    return c->stride > 1 && c->kernel_width == 1 && c->kernel_height == 1 && c->padding == 0 && !c->planar_input && depth == excite_block;
}

/// Whether a band is copied before it is read.
EXCITE_INLINE bool excite_is_copied(const excite_convolution *c, size_t depth) {
    return c->padding > 0 || excite_is_sampled(c, depth);
}

/// Words of the copy of a band of `rows` output rows, `planes` blocks of channels, `depth` words a pixel.
static inline size_t excite_band_count(const excite_convolution *c, int32_t rows, int32_t planes, size_t depth) {
    if (excite_is_sampled(c, depth)) return (size_t)planes * depth * (size_t)(rows * c->output_width);
    return (size_t)planes * depth * (size_t)excite_input_rows(c, rows) * (size_t)(c->width + 2 * c->padding);
}

static inline void excite_fill(excite_word *words, size_t count, excite_word word) {
    for (size_t i = 0; i < count; i++) words[i] = word;
}

/// Copies one row (W, depth), or the border's word where `y` is outside the image, between two borders.
static inline void excite_copy_row(const excite_convolution *c, size_t depth, excite_word border, const excite_word *plane, int32_t y,
                                   excite_word *copy) {
    const size_t edge = (size_t)c->padding * depth, middle = (size_t)c->width * depth;
    excite_fill(copy, edge, border);
    if (y < 0 || y >= c->height) excite_fill(copy + edge, middle, border);
    else memcpy(copy + edge, plane + (size_t)y * middle, middle * sizeof *copy);
    excite_fill(copy + edge + middle, edge, border);
}

/// The pixels that a projection with a stride reads: (planes, rows, Q, depth).
static inline void excite_sample(const excite_convolution *c, size_t depth, int32_t row, int32_t rows, int32_t planes,
                                 const excite_word *input,  // (planes, H, W, depth)
                                 excite_word *copy) {
    for (int32_t i = 0; i < planes; i++) {
        for (int32_t y = row; y < row + rows; y++) {
            const excite_word *from = input + (size_t)(i * c->height + y * c->stride) * (size_t)c->width * depth;
            for (int32_t x = 0; x < c->output_width; x++, copy += depth) {
                memcpy(copy, from + (size_t)(x * c->stride) * depth, depth * sizeof *copy);
            }
        }
    }
}

/// The band of a copy, or of the input itself, whose rows have `width` pixels and whose planes `height` rows.
static inline excite_band excite_band_of(const excite_convolution *c, const excite_word *data, size_t height, size_t width, size_t depth) {
    const size_t line = width * depth;
    return (excite_band){data, height * line, line, depth, (size_t)c->stride * depth, (size_t)c->stride * line};
}

/// The input of `rows` output rows from `row`, `planes` blocks of it: a view of it, or a copy in `scratch` with a border of `border`.
static inline excite_band excite_read_band(const excite_convolution *c, int32_t row, int32_t rows, int32_t planes, size_t depth,
                                           excite_word border,
                                           const excite_word *input,  // (planes, H, W, depth)
                                           excite_word *scratch) {
    const int32_t top = row * c->stride - c->padding, height = excite_input_rows(c, rows);
    if (excite_is_sampled(c, depth)) {
        const size_t line = (size_t)c->output_width * depth;
        excite_sample(c, depth, row, rows, planes, input, scratch);
        return (excite_band){scratch, (size_t)rows * line, line, depth, depth, line};
    }
    const size_t line = (size_t)c->width * depth;
    if (!excite_is_copied(c, depth)) return excite_band_of(c, input + (size_t)top * line, (size_t)c->height, (size_t)c->width, depth);
    const size_t width = (size_t)(c->width + 2 * c->padding);
    for (int32_t i = 0; i < planes; i++) {
        const excite_word *from = input + (size_t)i * (size_t)c->height * line;
        for (int32_t y = 0; y < height; y++) {
            excite_copy_row(c, depth, border, from, top + y, scratch + (size_t)(i * height + y) * width * depth);
        }
    }
    return excite_band_of(c, scratch, (size_t)height, width, depth);
}

/// Floats of scratch that the float32 kernels copy a band of `planes` blocks to.
static inline size_t excite_float_band_count(const excite_convolution *c, int32_t rows, int32_t planes) {
    if (c->planar_input) return excite_band_count(c, rows, 1, (size_t)c->channels);
    return excite_is_copied(c, excite_block) ? excite_band_count(c, rows, planes, excite_block) : 0;
}

/// The planar input's rows as pixels of C channels: (rows, W + 2 padding, C).
static inline void excite_interleave(const excite_convolution *c, int32_t top, int32_t rows,
                                     const float *input,  // (C, H, W)
                                     float *copy) {
    const int32_t width = c->width + 2 * c->padding;
    memset(copy, 0, (size_t)(rows * width * c->channels) * sizeof *copy);
    for (int32_t channel = 0; channel < c->channels; channel++) {
        for (int32_t y = excite_max(top, 0); y < excite_min(top + rows, c->height); y++) {
            const float *from = input + (size_t)(channel * c->height + y) * (size_t)c->width;
            float *to = copy + (size_t)(((y - top) * width + c->padding) * c->channels + channel);
            for (int32_t x = 0; x < c->width; x++) to[x * c->channels] = from[x];
        }
    }
}

/// The float32 kernels' band: blocks [plane, plane + planes) of a blocked input, or a planar one interleaved.
static inline excite_band excite_float_band(const excite_convolution *c, int32_t row, int32_t rows, int32_t plane, int32_t planes,
                                            const float *input,  // (C/16, H, W, 16) or (C, H, W)
                                            float *scratch) {
    if (!c->planar_input) {
        const excite_word *from = (const excite_word *)(input + excite_at(c->height, c->width, plane, 0, 0));
        return excite_read_band(c, row, rows, planes, excite_block, 0, from, (excite_word *)scratch);
    }
    const int32_t height = excite_input_rows(c, rows);
    excite_interleave(c, row * c->stride - c->padding, height, input, scratch);
    return excite_band_of(c, (const excite_word *)scratch, (size_t)height, (size_t)(c->width + 2 * c->padding), (size_t)c->channels);
}

excite_packed_count_function excite_direct_packed_count, excite_grouped_packed_count, excite_winograd2_packed_count,
    excite_winograd4_packed_count;
excite_pack_function excite_direct_pack, excite_grouped_pack, excite_winograd2_pack, excite_winograd4_pack;
excite_scratch_count_function excite_direct_scratch_count, excite_grouped_scratch_count;

extern const excite_dot_kernels excite_dot_kernels_uint8_avx512vnni, excite_dot_kernels_uint8_avx512, excite_dot_kernels_uint8_avx2vnni,
    excite_dot_kernels_uint8_avx2, excite_dot_kernels_uint8_dotprod, excite_dot_kernels_uint8_portable;
extern const excite_dot_kernels excite_dot_kernels_bfloat16_avx512bf16, excite_dot_kernels_bfloat16_bf16, excite_dot_kernels_bfloat16_portable;
