// What the convolutions' families share and no instruction set changes.
#pragma once
#include <string.h>

#include "product.h"

/// A band of an input with its border of padding: (planes, rows, width, depth). Strides are in floats.
typedef struct {
    const float *data;                // the first output pixel's window
    size_t plane_stride, row_stride;  // from one block of channels, one row to the next
    size_t depth;                     // of a pixel: 16, or the channels of a planar input
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

/// Whether some pixels are never read: a projection with a stride. They are left out of the copy, because pixels 128 bytes apart use
/// only every other set of a cache.
EXCITE_INLINE bool excite_is_sampled(const excite_convolution *c) {
    return c->stride > 1 && c->kernel_width == 1 && c->kernel_height == 1 && c->padding == 0 && !c->planar_input;
}

/// Whether a band is copied before it is read.
EXCITE_INLINE bool excite_is_copied(const excite_convolution *c) {
    return c->planar_input || c->padding > 0 || excite_is_sampled(c);
}

/// Floats of the copy of a band of `rows` output rows, `planes` blocks of channels.
static inline size_t excite_band_count(const excite_convolution *c, int32_t rows, int32_t planes) {
    const size_t depth = (size_t)(c->planar_input ? c->channels : planes * excite_block);
    if (excite_is_sampled(c)) return depth * (size_t)(rows * c->output_width);
    return depth * (size_t)excite_input_rows(c, rows) * (size_t)(c->width + 2 * c->padding);
}

/// Copies one row (W, 16), or zeros where `y` is outside the image, between two borders of zeros.
static inline void excite_copy_row(const excite_convolution *c, const float *plane, int32_t y, float *copy) {
    const size_t border = (size_t)c->padding * excite_block, middle = (size_t)c->width * excite_block;
    memset(copy, 0, border * sizeof *copy);
    if (y < 0 || y >= c->height) memset(copy + border, 0, middle * sizeof *copy);
    else memcpy(copy + border, plane + (size_t)y * middle, middle * sizeof *copy);
    memset(copy + border + middle, 0, border * sizeof *copy);
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

/// The pixels that a projection with a stride reads: (planes, rows, Q, 16).
static inline void excite_sample(const excite_convolution *c, int32_t row, int32_t rows, int32_t plane, int32_t planes,
                                 const float *input,  // (C/16, H, W, 16)
                                 float *copy) {
    for (int32_t i = 0; i < planes; i++) {
        for (int32_t y = row; y < row + rows; y++) {
            const float *from = input + excite_at(c->height, c->width, plane + i, y * c->stride, 0);
            for (int32_t x = 0; x < c->output_width; x++, copy += excite_block) {
                memcpy(copy, from + (size_t)(x * c->stride) * excite_block, excite_block * sizeof *copy);
            }
        }
    }
}

/// The input of `rows` output rows from `row`, blocks [plane, plane + planes): a view of it, or a copy in `scratch`.
static inline excite_band excite_read_band(const excite_convolution *c, int32_t row, int32_t rows, int32_t plane, int32_t planes,
                                           const float *input,  // (C/16, H, W, 16) or (C, H, W)
                                           float *scratch) {
    const int32_t top = row * c->stride - c->padding, height = excite_input_rows(c, rows), width = c->width + 2 * c->padding;
    if (excite_is_sampled(c)) {
        const size_t line = (size_t)c->output_width * excite_block;
        excite_sample(c, row, rows, plane, planes, input, scratch);
        return (excite_band){scratch, (size_t)rows * line, line, excite_block, excite_block, line};
    }
    const size_t depth = (size_t)(c->planar_input ? c->channels : excite_block), line = (size_t)width * depth;
    const size_t step = (size_t)c->stride * depth, line_stride = (size_t)c->stride * line;
    if (!excite_is_copied(c)) {
        const float *window = input + excite_at(c->height, c->width, plane, top, 0);
        return (excite_band){window, (size_t)c->height * line, line, depth, step, line_stride};
    }
    if (c->planar_input) {
        excite_interleave(c, top, height, input, scratch);
    } else {
        for (int32_t i = 0; i < planes; i++) {
            const float *from = input + excite_at(c->height, c->width, plane + i, 0, 0);
            for (int32_t y = 0; y < height; y++) excite_copy_row(c, from, top + y, scratch + (size_t)(i * height + y) * line);
        }
    }
    return (excite_band){scratch, (size_t)height * line, line, depth, step, line_stride};
}

excite_packed_count_function excite_direct_packed_count, excite_grouped_packed_count, excite_winograd2_packed_count,
    excite_winograd4_packed_count;
excite_pack_function excite_direct_pack, excite_grouped_pack, excite_winograd2_pack, excite_winograd4_pack;
excite_scratch_count_function excite_direct_scratch_count, excite_grouped_scratch_count;
