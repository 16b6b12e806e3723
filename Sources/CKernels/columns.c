// The general path: a convolution as a product of matrices, computed by a BLAS between these two functions. It serves the shapes
// that no kernel covers and is portable C, because the product costs a hundred times more.
#include <string.h>

#include "internal.h"
#include "isa.h"

// One channel at a time: a register of one float.
#define ISA_SUFFIX scalar
#define LANES 1
typedef float vec;
#include "epilogue.inc.h"

/// The input's value, or zero outside the image.
static float value_at(const excite_convolution *c, const float *input, int32_t channel, int32_t y, int32_t x) {
    if (y < 0 || y >= c->height || x < 0 || x >= c->width) return 0;
    if (c->planar_input) return input[((size_t)channel * (size_t)c->height + (size_t)y) * (size_t)c->width + (size_t)x];
    return input[excite_at(c->height, c->width, channel / excite_block, y, x) + (size_t)(channel % excite_block)];
}

void excite_im2col(const excite_convolution *c, int32_t group, int32_t row, int32_t rows,
                   const float *input,  // (C/16, H, W, 16) or (C, H, W)
                   float *columns) {    // (C/G * R * S, rows * Q)
    assert(excite_is_convolution(c) && group >= 0 && group < c->groups);
    assert(row >= 0 && rows > 0 && row + rows <= c->output_height);
    const int32_t depth = c->channels / c->groups;
    for (int32_t channel = group * depth; channel < (group + 1) * depth; channel++) {
        for (int32_t r = 0; r < c->kernel_height; r++) {
            for (int32_t s = 0; s < c->kernel_width; s++) {
                for (int32_t p = row; p < row + rows; p++) {
                    for (int32_t q = 0; q < c->output_width; q++) {
                        *columns++ = value_at(c, input, channel, p * c->stride + r - c->padding, q * c->stride + s - c->padding);
                    }
                }
            }
        }
    }
}

/// Pixels whose blocks stay in the first-level cache while channel after channel is written into them (128 * 64 bytes = 8 KiB).
enum { pixels_at_once = 128 };

void excite_store_products(const excite_convolution *c, int32_t group, int32_t row, int32_t rows,
                           const float *products,  // (O/G, rows * Q)
                           const excite_epilogue *epilogue,
                           float *output) {  // (O/16, P, Q, 16)
    assert(excite_is_convolution(c) && group >= 0 && group < c->groups && epilogue->bias);
    assert(row >= 0 && rows > 0 && row + rows <= c->output_height && excite_is_simple(epilogue->activation));
    const int32_t depth = c->outputs / c->groups, pixels = rows * c->output_width;
    const bool relu = epilogue->activation == excite_activation_relu, last = group == c->groups - 1;
    const int32_t first = group * depth, end = last ? excite_blocks(c->outputs) * excite_block : first + depth;
    if (epilogue->sums) memset(epilogue->sums + first, 0, (size_t)(end - first) * sizeof(float));
    for (int32_t start = 0; start < pixels; start += pixels_at_once) {
        const int32_t count = excite_min(pixels_at_once, pixels - start);
        for (int32_t o = first; o < end; o++) {
            const size_t at = excite_at(c->output_height, c->output_width, o / excite_block, row, start) + (size_t)(o % excite_block);
            const bool exists = o < c->outputs;
            const float *product = products + (size_t)(o - first) * (size_t)pixels + start;
            float sum = 0;
            for (size_t i = 0; i < (size_t)count; i++) {
                const size_t pixel = at + i * excite_block;
                float y = exists ? product[i] + epilogue->bias[o] : 0;
                finish_scalar(1, &y, exists && epilogue->residual ? epilogue->residual + pixel : NULL, relu, output + pixel, 0, &sum);
            }
            if (epilogue->sums) epilogue->sums[o] += sum;
        }
    }
}
