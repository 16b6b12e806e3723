#include "reference.h"

#include <math.h>

#include "internal.h"

static double activated(double x, excite_activation activation) {
    switch (activation) {
    case excite_activation_none: return x;
    case excite_activation_relu: return x < 0 ? 0 : x;
    case excite_activation_sigmoid: return 1 / (1 + exp(-x));
    case excite_activation_tanh: return tanh(x);
    case excite_activation_silu: return x / (1 + exp(-x));
    }
}

/// Index of one channel of one pixel in the blocked layout.
static size_t blocked(int32_t height, int32_t width, int32_t channel, int32_t y, int32_t x) {
    return excite_at(height, width, channel / excite_block, y, x) + (size_t)(channel % excite_block);
}

static double input_at(const excite_convolution *c, const float *input, int32_t channel, int32_t y, int32_t x) {
    if (y < 0 || y >= c->height || x < 0 || x >= c->width) return 0;
    if (!c->planar_input) return input[blocked(c->height, c->width, channel, y, x)];
    return input[((size_t)channel * (size_t)c->height + (size_t)y) * (size_t)c->width + (size_t)x];
}

/// One output before its epilogue.
static double convolved(const excite_convolution *c, const float *input, const float *weights, int32_t o, int32_t p, int32_t q) {
    const int32_t depth = c->channels / c->groups, group = o / (c->outputs / c->groups);
    double sum = 0;
    for (int32_t k = 0; k < depth; k++) {
        for (int32_t r = 0; r < c->kernel_height; r++) {
            for (int32_t s = 0; s < c->kernel_width; s++) {
                const size_t w = ((size_t)(o * depth + k) * (size_t)c->kernel_height + (size_t)r) * (size_t)c->kernel_width + (size_t)s;
                const int32_t y = p * c->stride + r - c->padding, x = q * c->stride + s - c->padding;
                sum += (double)weights[w] * input_at(c, input, group * depth + k, y, x);
            }
        }
    }
    return sum;
}

void excite_reference_convolution(const excite_convolution *c,
                                  const float *input,    // (C/16, H, W, 16) or (C, H, W)
                                  const float *weights,  // (O, C/G, R, S)
                                  const excite_epilogue *epilogue,
                                  float *output) {  // (O/16, P, Q, 16)
    assert(excite_is_convolution(c) && epilogue->bias);
    for (int32_t o = 0; o < excite_blocks(c->outputs) * excite_block; o++) {
        double total = 0;
        for (int32_t p = 0; p < c->output_height; p++) {
            for (int32_t q = 0; q < c->output_width; q++) {
                const size_t at = blocked(c->output_height, c->output_width, o, p, q);
                double y = 0;
                if (o < c->outputs) {
                    y = convolved(c, input, weights, o, p, q) + (double)epilogue->bias[o];
                    if (epilogue->residual) y += (double)epilogue->residual[at];
                    y = activated(y, epilogue->activation);
                }
                output[at] = (float)y;
                total += y;
            }
        }
        if (epilogue->sums) epilogue->sums[o] = (float)total;
    }
}

void excite_reference_pool(const excite_pooling *pool,
                           const float *input,  // (C/16, H, W, 16)
                           float *output) {     // (C/16, P, Q, 16)
    for (int32_t channel = 0; channel < excite_blocks(pool->channels) * excite_block; channel++) {
        for (int32_t p = 0; p < pool->output_height; p++) {
            for (int32_t q = 0; q < pool->output_width; q++) {
                double sum = 0, largest = -INFINITY;
                int32_t count = 0, padded = 0;
                for (int32_t r = 0; r < pool->kernel; r++) {
                    for (int32_t s = 0; s < pool->kernel; s++) {
                        const int32_t y = p * pool->stride + r - pool->padding, x = q * pool->stride + s - pool->padding;
                        padded += y < pool->height + pool->padding && x < pool->width + pool->padding;
                        if (y < 0 || y >= pool->height || x < 0 || x >= pool->width) continue;
                        const double value = (double)input[blocked(pool->height, pool->width, channel, y, x)];
                        sum += value;
                        largest = value > largest ? value : largest;
                        count++;
                    }
                }
                const size_t at = blocked(pool->output_height, pool->output_width, channel, p, q);
                output[at] = (float)(pool->average ? sum / (pool->counts_padding ? padded : count) : largest);
            }
        }
    }
}

/// The index that a window's `i` means in an image of `size` rows or columns, or -1 for a zero.
static int32_t blurred(const excite_blurring *blur, int32_t i, int32_t size) {
    if (i >= 0 && i < size) return i;
    if (!blur->reflects) return -1;
    return i < 0 ? -i : 2 * (size - 1) - i;
}

void excite_reference_blur(const excite_blurring *blur,
                           const float *input,  // (C/16, H, W, 16)
                           float *output) {     // (C/16, P, Q, 16)
    static const double weights[] = {0.25, 0.5, 0.25};
    for (int32_t channel = 0; channel < excite_blocks(blur->channels) * excite_block; channel++) {
        for (int32_t p = 0; p < blur->output_height; p++) {
            for (int32_t q = 0; q < blur->output_width; q++) {
                double sum = 0;
                for (int32_t r = 0; r < 3; r++) {
                    for (int32_t s = 0; s < 3; s++) {
                        const int32_t y = blurred(blur, p * blur->stride + r - 1, blur->height);
                        const int32_t x = blurred(blur, q * blur->stride + s - 1, blur->width);
                        if (y < 0 || x < 0) continue;
                        sum += weights[r] * weights[s] * (double)input[blocked(blur->height, blur->width, channel, y, x)];
                    }
                }
                output[blocked(blur->output_height, blur->output_width, channel, p, q)] = (float)sum;
            }
        }
    }
}

void excite_reference_max_pixels(const float *input,  // (blocks, pixels, 16)
                                 int32_t pixels, int32_t blocks,
                                 float *maxima) {  // (blocks, 16)
    for (int32_t channel = 0; channel < blocks * excite_block; channel++) {
        float largest = -INFINITY;
        for (int32_t i = 0; i < pixels; i++) largest = fmaxf(largest, input[blocked(1, pixels, channel, 0, i)]);
        maxima[channel] = largest;
    }
}

void excite_reference_affine(const float *input,   // (C/16, pixels, 16)
                             const float *factor,  // (C) or NULL
                             const float *shift,   // (C) or NULL
                             excite_activation activation, int32_t channels, int32_t pixels,
                             float *output) {  // (C/16, pixels, 16)
    for (int32_t channel = 0; channel < excite_blocks(channels) * excite_block; channel++) {
        for (int32_t i = 0; i < pixels; i++) {
            const size_t at = blocked(1, pixels, channel, 0, i);
            const double x = (double)input[at] * (factor ? (double)factor[channel] : 1) + (shift ? (double)shift[channel] : 0);
            output[at] = channel < channels ? (float)activated(x, activation) : 0;
        }
    }
}

void excite_reference_mean(const float *sums,  // (bands, stride)
                           int32_t bands, int32_t stride, float scale, int32_t channels,
                           float *means) {  // (C)
    for (int32_t c = 0; c < channels; c++) {
        double sum = 0;
        for (int32_t b = 0; b < bands; b++) sum += (double)sums[b * stride + c];
        means[c] = (float)((double)scale * sum);
    }
}

void excite_reference_sum_pixels(const float *input,  // (blocks, pixels, 16)
                                 int32_t pixels, int32_t blocks,
                                 float *sums) {  // (blocks, 16)
    for (int32_t channel = 0; channel < blocks * excite_block; channel++) {
        double sum = 0;
        for (int32_t i = 0; i < pixels; i++) sum += (double)input[blocked(1, pixels, channel, 0, i)];
        sums[channel] = (float)sum;
    }
}

void excite_reference_linear(int32_t outputs, int32_t channels,
                             const float *input,    // (C)
                             const float *weights,  // (O, C)
                             const float *bias,     // (O)
                             excite_activation activation,
                             float *output) {  // (O)
    for (int32_t o = 0; o < outputs; o++) {
        double sum = (double)bias[o];
        for (int32_t c = 0; c < channels; c++) sum += (double)weights[o * channels + c] * (double)input[c];
        output[o] = (float)activated(sum, activation);
    }
}

void excite_reference_scale(const float *input,     // (blocks, pixels, 16)
                            const float *gate,      // (blocks, 16)
                            const float *shortcut,  // (blocks, pixels, 16) or NULL
                            excite_activation activation, int32_t pixels, int32_t blocks,
                            float *output) {  // (blocks, pixels, 16)
    for (int32_t channel = 0; channel < blocks * excite_block; channel++) {
        for (int32_t i = 0; i < pixels; i++) {
            const size_t at = blocked(1, pixels, channel, 0, i);
            const double y = (double)input[at] * (double)gate[channel] + (shortcut ? (double)shortcut[at] : 0);
            output[at] = (float)activated(y, activation);
        }
    }
}
