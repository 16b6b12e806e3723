// The oracle of every kernel: the same operations as plain loops, accumulated in double precision, as simple as can be and never
// optimised. Layouts and letters are those of kernels.h; weights come as the checkpoint has them, and a whole image is computed.
#pragma once
#include "kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/// `weights` (O, C/G, R, S). The epilogue's sums are over the whole image.
void excite_reference_convolution(const excite_convolution *, const float *input, const float *weights, const excite_epilogue *,
                                  float *output);
void excite_reference_pool(const excite_pooling *, const float *input, float *output);
void excite_reference_blur(const excite_blurring *, const float *input, float *output);
void excite_reference_max_pixels(const float *input, int32_t pixels, int32_t blocks, float *maxima);
void excite_reference_affine(const float *input, const float *factor, const float *shift, excite_activation, int32_t channels,
                             int32_t pixels, float *output);
void excite_reference_mean(const float *sums, int32_t bands, int32_t stride, float scale, int32_t channels, float *means);
void excite_reference_sum_pixels(const float *input, int32_t pixels, int32_t blocks, float *sums);
/// `weights` (O, C), `bias` and `output` (O): nothing is rounded up.
void excite_reference_linear(int32_t outputs, int32_t channels, const float *input, const float *weights, const float *bias,
                             excite_activation, float *output);
void excite_reference_scale(const float *input, const float *gate, const float *shortcut, excite_activation, int32_t pixels,
                            int32_t blocks, float *output);

// Of the kernels over elements. Where those have a stated order (see excite_dot_epilogue), these compute in it, in float32: uint8 is held
// against them bit for bit. Activations with an exponential are computed in double precision, and so are sums of products of bfloat16.

/// A convolution over uint8 with int8 weights, or over bfloat16 with weights in float; the epilogue's sums are over the whole image.
void excite_reference_dot(excite_element, const excite_convolution *, uint32_t border, const void *input, const void *weights,
                          const excite_dot_epilogue *, void *output);
void excite_reference_map(const excite_mapping *, int32_t pixels, int32_t blocks, const void *input, void *output);
void excite_reference_gate(excite_element, const excite_gating *, int32_t pixels, int32_t blocks, const void *input, void *output);
void excite_reference_interleave(excite_element, const float *factor, const float *shift, int32_t channels, int32_t pixels,
                                 const float *input, void *output);
/// Windows of at most 32 x 32.
void excite_reference_pool_narrow(excite_element, const excite_pooling *, const float *zero, const void *input, void *output);
void excite_reference_blur_narrow(excite_element, const excite_blurring *, const float *zero, const void *input, void *output);
void excite_reference_reduce(excite_element, bool maximum, const void *input, int32_t pixels, int32_t blocks, float *results);
void excite_reference_scaled_sums(const float *sums, int32_t bands, const float *factor, const float *shift, int32_t channels,
                                  float *results);
void excite_reference_exact_linear(int32_t outputs, int32_t channels, const float *input, const float *weights, const float *bias,
                                   excite_activation, float *output);

#ifdef __cplusplus
}
#endif
