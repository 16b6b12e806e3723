// What the kernels' sources share and nobody else sees.
#pragma once
#include <assert.h>
#include <stdint.h>

#include "kernels.h"

#define EXCITE_INLINE static inline __attribute__((always_inline, unused))

EXCITE_INLINE int32_t excite_min(int32_t a, int32_t b) { return a < b ? a : b; }
EXCITE_INLINE int32_t excite_max(int32_t a, int32_t b) { return a > b ? a : b; }
EXCITE_INLINE int32_t excite_divide_up(int32_t a, int32_t b) { return (a + b - 1) / b; }

/// Blocks of 16 that hold `channels` channels.
EXCITE_INLINE int32_t excite_blocks(int32_t channels) { return excite_divide_up(channels, excite_block); }

/// Index of a pixel's block of 16 channels in an activation (C/16, height, width, 16).
EXCITE_INLINE size_t excite_at(int32_t height, int32_t width, int32_t block, int32_t y, int32_t x) {
    return (((size_t)block * (size_t)height + (size_t)y) * (size_t)width + (size_t)x) * excite_block;
}

EXCITE_INLINE bool excite_is_aligned(const void *pointer) { return ((uintptr_t)pointer & 63) == 0; }

/// Whether a kernel that computes no exponential can apply the activation.
EXCITE_INLINE bool excite_is_simple(excite_activation activation) {
    return activation == excite_activation_none || activation == excite_activation_relu;
}

/// Whether an epilogue keeps its contract.
EXCITE_INLINE bool excite_is_epilogue(const excite_epilogue *e) {
    return e->bias && excite_is_aligned(e->bias) && excite_is_aligned(e->residual) && excite_is_aligned(e->sums)
        && excite_is_simple(e->activation);
}

/// Whether a convolution's numbers belong together.
EXCITE_INLINE bool excite_is_convolution(const excite_convolution *c) {
    return c->channels > 0 && c->outputs > 0 && c->groups > 0 && c->channels % c->groups == 0 && c->outputs % c->groups == 0
        && c->stride > 0 && c->padding >= 0 && c->output_height > 0 && c->output_width > 0
        && (c->output_height - 1) * c->stride + c->kernel_height <= c->height + 2 * c->padding
        && (c->output_width - 1) * c->stride + c->kernel_width <= c->width + 2 * c->padding;
}

/// Whether a tile lies within an output of `height` rows and `blocks` blocks.
EXCITE_INLINE bool excite_is_tile(const excite_tile *tile, int32_t height, int32_t blocks) {
    return tile->row >= 0 && tile->rows > 0 && tile->row + tile->rows <= height && tile->block >= 0 && tile->blocks > 0
        && tile->block + tile->blocks <= blocks;
}

/// Whether a span lies within an image of `pixels` pixels.
EXCITE_INLINE bool excite_is_span(const excite_span *span, int32_t pixels) {
    return span->first >= 0 && span->count > 0 && span->first + span->count <= pixels && span->block >= 0 && span->blocks > 0;
}
