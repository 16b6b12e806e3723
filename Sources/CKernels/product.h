// The product of matrices that every dense convolution ends in: pixels x terms times terms x output channels.
#pragma once
#include "internal.h"

/// Four bytes of a pixel: a float, two bfloat16 or four uint8. What the kernels multiply with a row of weights at once.
typedef uint32_t excite_word __attribute__((may_alias));

typedef struct {
    // The terms of one element, in the order in which they are added: `planes` blocks of input channels, of each `kernel_rows` rows,
    // of each `run` words that lie side by side in memory (kernel columns x words of a pixel).
    int32_t planes, kernel_rows;
    size_t run;
    size_t plane_stride, row_stride;  // words

    // The pixels: a grid whose points are `step` words apart, its lines `line_stride`; `input` is the first term of the first pixel.
    const excite_word *input;
    int32_t lines, width;
    size_t step, line_stride;

    // Of each block of 16 outputs: (planes * kernel_rows * run) rows of what a word is multiplied with. The next block's are
    // `weights_stride` bytes on.
    const char *weights;
    size_t weights_stride;

    // Where the sums start and what becomes of them: for the arithmetic that the product is computed in.
    const void *ends;
} excite_product;

/// Of a product in float32.
typedef struct {
    float *output;         // of each block (lines * width, 16)
    size_t output_stride;  // floats from one block to the next
    // The sums start with the bias (16 of each block) or, where it is NULL, with what the output holds.
    const float *bias;
    // If `is_last`: the epilogue, y = relu(sum + residual); `sums` (16) of each block is raised by the sum over the pixels.
    bool is_last, relu;
    const float *residual;  // laid out as the output; NULL for none
    float *sums;            // NULL for none
} excite_float_ends;

/// Computes `blocks` blocks of 16 outputs of the product.
typedef void excite_multiply_function(int32_t blocks, const excite_product *);

/// Blocks of 16 outputs that one call may compute, and how many it should take of the `left` ones.
EXCITE_INLINE int32_t excite_product_blocks(int32_t tile_blocks, int32_t left) {
    // 4 = 2 + 2 rather than 3 + 1: a lone block needs a load for every operation.
    return tile_blocks == 3 && left == 4 ? 2 : excite_min(left, tile_blocks);
}
