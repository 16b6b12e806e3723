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

#ifdef __cplusplus
}
#endif
