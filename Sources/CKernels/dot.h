// Convolutions in few bits: a word of a pixel (four uint8 or two bfloat16) against a row of weights, sixteen outputs at once.
#pragma once
#include "convolution.h"

/// Where a product's sums go: see excite_dot_epilogue, from the first of its blocks on.
typedef struct {
    excite_dot_epilogue epilogue;
    const int32_t *start;  // (16) of each block, `weights_stride` bytes apart: what integer sums start with
    size_t weights_stride;
    void *output;          // of each block (lines * width, 16)
    size_t output_stride;  // elements from one block to the next
} excite_dot_ends;

/// Bytes in front of a block's rows of weights: what its 16 integer sums start with.
enum { excite_dot_start_bytes = 64 };

/// Words of a pixel in which each of `channels_a_word` channels has its part.
EXCITE_INLINE size_t excite_dot_depth(const excite_convolution *c, int32_t channels_a_word) {
    return (size_t)((c->planar_input ? 4 : excite_block) / channels_a_word);
}

/// Whether a convolution's groups are smaller than a block and kept side by side in a register.
EXCITE_INLINE bool excite_is_side_by_side(const excite_convolution *c) {
    const int32_t depth = c->channels / c->groups;
    return c->groups > 1 && depth == c->outputs / c->groups && (depth == 4 || depth == 8) && c->kernel_height == 3 && c->kernel_width == 3;
}

/// Whether the kernels compute it.
EXCITE_INLINE bool excite_is_dot(const excite_convolution *c) {
    if (!excite_is_convolution(c)) return false;
    if (c->planar_input) return c->channels <= 4 && c->groups == 1;
    return c->groups == 1 || excite_is_side_by_side(c)
        || (c->channels / c->groups % excite_block == 0 && c->outputs / c->groups % excite_block == 0);
}

/// Rows of weights of a block of outputs.
EXCITE_INLINE size_t excite_dot_rows(const excite_convolution *c, int32_t channels_a_word) {
    const size_t taps = (size_t)(c->kernel_height * c->kernel_width);
    if (excite_is_side_by_side(c)) return taps * (size_t)(c->channels / c->groups / channels_a_word);
    return taps * (size_t)excite_planes(c) * excite_dot_depth(c, channels_a_word);
}
