// The oracles of the kernels over elements: what is exact there is exact here, operation by operation in the stated order.
#include <math.h>
#include <string.h>

#include "dot.h"
#include "reference.h"

// A rounding less would be another answer.
#pragma clang fp contract(off)

static uint32_t float_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static uint16_t to_bfloat16(float x) {
    const uint32_t bits = float_bits(x);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

static float from_bfloat16(uint32_t half) {
    const uint32_t bits = half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float loaded(excite_element element, const void *data, size_t i) {
    switch (element) {
    case excite_float32: return ((const float *)data)[i];
    case excite_bfloat16: return from_bfloat16(((const uint16_t *)data)[i]);
    case excite_uint8: return ((const uint8_t *)data)[i];
    }
}

static void stored(excite_element element, void *data, size_t i, float y) {
    switch (element) {
    case excite_float32: ((float *)data)[i] = y; break;
    case excite_bfloat16: ((uint16_t *)data)[i] = to_bfloat16(y); break;
    case excite_uint8: ((uint8_t *)data)[i] = (uint8_t)nearbyintf(y > 0 ? (y < 255 ? y : 255) : 0); break;
    }
}

/// Index of one channel of one pixel in the blocked layout.
static size_t blocked(int32_t height, int32_t width, int32_t channel, int32_t y, int32_t x) {
    return excite_at(height, width, channel / excite_block, y, x) + (size_t)(channel % excite_block);
}

/// One number of a convolution's input, or of its border.
static float input_at(const excite_convolution *c, excite_element element, uint32_t border, const void *input, int32_t channel, int32_t y,
                      int32_t x) {
    if (y < 0 || y >= c->height || x < 0 || x >= c->width) {
        return element == excite_uint8 ? (float)(border >> channel % 4 * 8 & 0xff) : from_bfloat16(border >> channel % 2 * 16 & 0xffff);
    }
    if (c->planar_input) return loaded(element, input, ((size_t)y * (size_t)c->width + (size_t)x) * 4 + (size_t)channel);
    return loaded(element, input, blocked(c->height, c->width, channel, y, x));
}

/// The sum of products of one output. In double, where whole numbers are exact to 2^53.
static double products(const excite_convolution *c, excite_element element, uint32_t border, const void *input, const void *weights,
                       int32_t o, int32_t p, int32_t q) {
    const int32_t depth = c->channels / c->groups, group = o / (c->outputs / c->groups);
    double sum = 0;
    for (int32_t k = 0; k < depth; k++) {
        for (int32_t r = 0; r < c->kernel_height; r++) {
            for (int32_t s = 0; s < c->kernel_width; s++) {
                const size_t w = ((size_t)(o * depth + k) * (size_t)c->kernel_height + (size_t)r) * (size_t)c->kernel_width + (size_t)s;
                double weight;
                if (element == excite_uint8) weight = ((const int8_t *)weights)[w];
                else weight = (double)from_bfloat16(to_bfloat16(((const float *)weights)[w]));
                const int32_t y = p * c->stride + r - c->padding, x = q * c->stride + s - c->padding;
                sum += weight * (double)input_at(c, element, border, input, group * depth + k, y, x);
            }
        }
    }
    return sum;
}

/// What excite_dot_epilogue says, before `low`.
static float ended(const excite_dot_epilogue *e, excite_element element, double sum, int32_t o, size_t at) {
    const float residual = e->residual ? loaded(element, e->residual, at) : 0;
    if (element == excite_bfloat16) return (float)(sum + (double)e->bias[o] + (double)residual);
    const float y = fmaf((float)sum, e->multiplier[o], e->bias[o]);
    return e->residual ? fmaf(residual, e->residual_multiplier[o], y) : y;
}

void excite_reference_dot(excite_element element, const excite_convolution *c, uint32_t border,
                          const void *input,    // (C/16, H, W, 16) or (H, W, 4)
                          const void *weights,  // (O, C/G, R, S) of int8 or float
                          const excite_dot_epilogue *epilogue,
                          void *output) {  // (O/16, P, Q, 16)
    assert(excite_is_convolution(c) && epilogue->bias && element != excite_float32);
    for (int32_t o = 0; o < excite_blocks(c->outputs) * excite_block; o++) {
        float total = 0;
        for (int32_t p = 0; p < c->output_height; p++) {
            for (int32_t q = 0; q < c->output_width; q++) {
                const size_t at = blocked(c->output_height, c->output_width, o, p, q);
                const double sum = o < c->outputs ? products(c, element, border, input, weights, o, p, q) : 0;
                float y = ended(epilogue, element, sum, o, at);
                y = y > epilogue->low ? y : epilogue->low;
                total += y;
                stored(epilogue->element, output, at, y);
            }
        }
        if (epilogue->sums) epilogue->sums[o] = total;
    }
}

static float activated(float x, excite_activation activation) {
    switch (activation) {
    case excite_activation_none: return x;
    case excite_activation_relu: return x < 0 ? 0 : x;
    case excite_activation_sigmoid: return (float)(1 / (1 + exp(-(double)x)));
    case excite_activation_tanh: return (float)tanh((double)x);
    case excite_activation_silu: return (float)((double)x / (1 + exp(-(double)x)));
    }
}

void excite_reference_map(const excite_mapping *m, int32_t pixels, int32_t blocks,
                          const void *input,  // (blocks, pixels, 16)
                          void *output) {     // (blocks, pixels, 16)
    for (int32_t channel = 0; channel < blocks * excite_block; channel++) {
        for (int32_t i = 0; i < pixels; i++) {
            const size_t at = blocked(1, pixels, channel, 0, i);
            const float y = activated(loaded(m->from, input, at) * m->factor[channel] + m->shift[channel], m->activation);
            stored(m->to, output, at, y * m->to_factor[channel] + m->to_shift[channel]);
        }
    }
}

void excite_reference_gate(excite_element element, const excite_gating *g, int32_t pixels, int32_t blocks,
                           const void *input,  // (blocks, pixels, 16)
                           void *output) {     // (blocks, pixels, 16)
    for (int32_t channel = 0; channel < blocks * excite_block; channel++) {
        const float factor = g->gate ? g->factor[channel] * g->gate[channel] : g->factor[channel];
        for (int32_t i = 0; i < pixels; i++) {
            const size_t at = blocked(1, pixels, channel, 0, i);
            float y = fmaf(loaded(element, input, at), factor, g->shift[channel] - g->zero[channel] * factor);
            if (g->shortcut) y = fmaf(loaded(element, g->shortcut, at), g->shortcut_factor[channel], y);
            stored(element, output, at, y > g->low ? y : g->low);
        }
    }
}

void excite_reference_interleave(excite_element element, const float *factor, const float *shift, int32_t channels, int32_t pixels,
                                 const float *input,  // (C, pixels)
                                 void *output) {      // (pixels, 4)
    for (int32_t i = 0; i < pixels; i++) {
        for (int32_t c = 0; c < 4; c++) {
            const float y = c < channels ? input[(size_t)c * (size_t)pixels + (size_t)i] * factor[c] + shift[c] : 0;
            stored(element, output, (size_t)i * 4 + (size_t)c, y);
        }
    }
}

void excite_reference_pool_narrow(excite_element element, const excite_pooling *pool, const float *zero,
                                  const void *input,  // (C/16, H, W, 16)
                                  void *output) {     // (C/16, P, Q, 16)
    for (int32_t channel = 0; channel < excite_blocks(pool->channels) * excite_block; channel++) {
        for (int32_t p = 0; p < pool->output_height; p++) {
            for (int32_t q = 0; q < pool->output_width; q++) {
                // The padding's share comes first, so that an order is stated.
                int32_t inside = 0, padded = 0;
                float inner[32 * 32];
                for (int32_t r = 0; r < pool->kernel; r++) {
                    for (int32_t s = 0; s < pool->kernel; s++) {
                        const int32_t y = p * pool->stride + r - pool->padding, x = q * pool->stride + s - pool->padding;
                        padded += y < pool->height + pool->padding && x < pool->width + pool->padding;
                        if (y < 0 || y >= pool->height || x < 0 || x >= pool->width) continue;
                        inner[inside++] = loaded(element, input, blocked(pool->height, pool->width, channel, y, x));
                    }
                }
                const int32_t area = pool->counts_padding ? padded : inside;
                float sum = zero[channel] * (float)(area - inside), largest = -INFINITY;
                for (int32_t i = 0; i < inside; i++) {
                    sum += inner[i];
                    if (inner[i] > largest) largest = inner[i];
                }
                stored(element, output, blocked(pool->output_height, pool->output_width, channel, p, q),
                       pool->average ? sum / (float)area : largest);
            }
        }
    }
}

/// The index that a window's `i` means in an image of `size` rows or columns, or -1 for what lies outside.
static int32_t blurred(const excite_blurring *blur, int32_t i, int32_t size) {
    if (i >= 0 && i < size) return i;
    if (!blur->reflects) return -1;
    return i < 0 ? -i : 2 * (size - 1) - i;
}

void excite_reference_blur_narrow(excite_element element, const excite_blurring *blur, const float *zero,
                                  const void *input,  // (C/16, H, W, 16)
                                  void *output) {     // (C/16, P, Q, 16)
    static const float weights[] = {0.25f, 0.5f, 0.25f};
    for (int32_t channel = 0; channel < excite_blocks(blur->channels) * excite_block; channel++) {
        for (int32_t p = 0; p < blur->output_height; p++) {
            for (int32_t q = 0; q < blur->output_width; q++) {
                float sum = 0;
                for (int32_t r = 0; r < 3; r++) {
                    float line = 0;
                    for (int32_t s = 0; s < 3; s++) {
                        const int32_t y = blurred(blur, p * blur->stride + r - 1, blur->height);
                        const int32_t x = blurred(blur, q * blur->stride + s - 1, blur->width);
                        const bool is_outside = y < 0 || x < 0;
                        const float value =
                            is_outside ? zero[channel] : loaded(element, input, blocked(blur->height, blur->width, channel, y, x));
                        line += value * weights[s];
                    }
                    sum += line * weights[r];
                }
                stored(element, output, blocked(blur->output_height, blur->output_width, channel, p, q), sum);
            }
        }
    }
}

/// Four sums taken in turns, as `i` says, and then (0 + 1) + (2 + 3).
static void add_in_turns(float sums[4], int32_t i, float x) { sums[i % 4] += x; }

static float total_of(const float sums[4]) { return (sums[0] + sums[1]) + (sums[2] + sums[3]); }

void excite_reference_reduce(excite_element element, bool maximum,
                             const void *input,  // (blocks, pixels, 16)
                             int32_t pixels, int32_t blocks,
                             float *results) {  // (blocks, 16)
    for (int32_t channel = 0; channel < blocks * excite_block; channel++) {
        float sums[4] = {0}, largest = -INFINITY;
        int64_t whole = 0;
        for (int32_t i = 0; i < pixels; i++) {
            const float x = loaded(element, input, blocked(1, pixels, channel, 0, i));
            if (x > largest) largest = x;
            if (element == excite_uint8) whole += (int64_t)x;
            else add_in_turns(sums, i, x);
        }
        results[channel] = maximum ? largest : element == excite_uint8 ? (float)whole : total_of(sums);
    }
}

void excite_reference_scaled_sums(const float *sums,  // (bands, C)
                                  int32_t bands, const float *factor, const float *shift, int32_t channels,
                                  float *results) {  // (C)
    for (int32_t c = 0; c < channels; c++) {
        float sum = 0;
        for (int32_t b = 0; b < bands; b++) sum += sums[b * channels + c];
        results[c] = sum * factor[c] + shift[c];
    }
}

void excite_reference_exact_linear(int32_t outputs, int32_t channels,
                                   const float *input,    // (C)
                                   const float *weights,  // (O, C)
                                   const float *bias,     // (O)
                                   excite_activation activation,
                                   float *output) {  // (O)
    for (int32_t o = 0; o < outputs; o++) {
        float sums[4] = {0};
        for (int32_t c = 0; c < channels; c++) sums[c % 4] = fmaf(weights[o * channels + c], input[c], sums[c % 4]);
        output[o] = activated(total_of(sums) + bias[o], activation);
    }
}
