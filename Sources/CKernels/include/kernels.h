// The hot loops of the engine. Everything else of the project is Swift.
//
// Dimension letters: C input channels, H x W input rows and columns, O output channels, P x Q output rows and columns,
// R x S kernel rows and columns, G groups.
//
// Layouts. An activation is one image, "channels blocked by 16": (C/16, H, W, 16), C rounded up to a multiple of 16, 64-byte aligned;
// the padding channels are zero, and every kernel writes them as zero. A network's input is "planar": (C, H, W).
// Whatever comes in whole blocks (activations, biases, sums, gates, packed weights, scratch) starts 64-byte aligned.
// Counts are in elements, never in bytes. Kernels never allocate, never fail and never look at the clock; they assert their contract.
//
// Every output element is accumulated in one fixed order that depends on the shape alone: neither on the tile that it was computed in,
// nor on the other images of a batch, nor on the number of threads.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Channels in a block of the blocked layout, and floats in the widest vector.
enum { excite_block = 16 };

/// A two-dimensional convolution of one image, without dilation, equal stride and padding on both axes.
typedef struct {
    int32_t channels, height, width;               // C, H, W
    int32_t outputs, output_height, output_width;  // O, P, Q
    int32_t kernel_height, kernel_width;           // R, S
    int32_t stride, padding, groups;
    bool planar_input;  // the input is (C, H, W) instead of (C/16, H, W, 16)
} excite_convolution;

/// The part of an output that one call computes: rows [row, row + rows), blocks of 16 output channels [block, block + blocks).
typedef struct {
    int32_t row, rows;
    int32_t block, blocks;
} excite_tile;

/// The part of an image that a pass over its pixels computes: pixels [first, first + count) of blocks [block, block + blocks).
typedef struct {
    int32_t first, count;
    int32_t block, blocks;
} excite_span;

typedef enum {
    excite_activation_none,
    excite_activation_relu,
    excite_activation_sigmoid,
    excite_activation_tanh,
    excite_activation_silu,  // x * sigmoid(x)
} excite_activation;

/// What happens to an output between its accumulation and its only store: y = activation(sum + bias + residual).
typedef struct {
    const float *bias;      // (O) rounded up to whole blocks with zeros; never NULL
    const float *residual;  // laid out as the output; NULL for none
    float *sums;            // (O) rounded up; takes the sum of y over the tile's pixels for the tile's channels (overwritten); NULL for none
    excite_activation activation;  // none or relu
} excite_epilogue;

// What a kernel does is said with its type; a table has one of each for its instruction set.

/// Floats that the packed weights take.
typedef size_t excite_packed_count_function(const excite_convolution *);
/// Packs the output channel blocks [block, block + blocks) of `weights` (O, C/G, R, S) into their place in `packed`;
/// different blocks may be packed by different threads at the same time.
typedef void excite_pack_function(const excite_convolution *, int32_t block, int32_t blocks, const float *weights, float *packed);
/// Floats of scratch that a tile of `rows` output rows needs.
typedef size_t excite_scratch_count_function(const excite_convolution *, int32_t rows);
/// Computes one tile of one image. `input` and `output` are whole images.
typedef void excite_convolve_function(const excite_convolution *, const excite_tile *, const float *input, const float *packed,
                                      const excite_epilogue *, float *output, float *scratch);

/// One way to compute a convolution. Packed weights start 64-byte aligned; so does the scratch, which one thread uses at a time.
typedef struct {
    excite_packed_count_function *packed_count;
    excite_pack_function *pack;
    excite_scratch_count_function *scratch_count;
    excite_convolve_function *run;
} excite_convolution_algorithm;

/// Max or average pooling of one image; windows are clipped to the image, and an average divides by the clipped window's area
/// (PyTorch's `count_include_pad=False`) or, if it counts the padding, by the area of the window clipped to the padded image.
typedef struct {
    int32_t channels, height, width;
    int32_t output_height, output_width;
    int32_t kernel, stride, padding;
    bool average, counts_padding;
} excite_pooling;

/// Blur pooling of one image (Zhang, arXiv 1904.11486): each channel by the 3 x 3 binomial filter (1 2 1) x (1 2 1) / 16, stride 1 or 2,
/// with one pixel of padding: the image reflected without its edge (H, W > 1), or zeros.
typedef struct {
    int32_t channels, height, width;
    int32_t output_height, output_width, stride;
    bool reflects;
} excite_blurring;

/// Output rows [tile.row, tile.row + tile.rows) of blocks [tile.block, tile.block + tile.blocks).
typedef void excite_pool_function(const excite_pooling *, const excite_tile *, const float *input, float *output);
typedef void excite_blur_function(const excite_blurring *, const excite_tile *, const float *input, float *output);
/// results[c] = the sum over, or the largest of, the `pixels` of block c / 16 of `input` (blocks, pixels, 16), for `blocks` blocks.
typedef void excite_pixels_function(const float *input, int32_t pixels, int32_t blocks, float *results);
/// means[c] = scale * (sum over b of sums[b * stride + c]), c < channels; a multiple of 16 channels. Added in the order of b.
typedef void excite_mean_function(const float *sums, int32_t bands, int32_t stride, float scale, int32_t channels, float *means);
/// output[o] = activation(bias[o] + sum over c of weights[o][c] * input[c]) for the 16 * `blocks` outputs that start at `block`.
/// Weights are packed as (O/16, C, 16) by `excite_pack_linear`; C is any number, O is rounded up with zeros (so sigmoid's padding is 0.5).
typedef void excite_linear_function(const float *input, int32_t channels, const void *packed, const float *bias, excite_activation,
                                    int32_t block, int32_t blocks, float *output);
/// output = activation(input * gate + shortcut) over a span of (C/16, pixels, 16); `gate` (C) in whole blocks; `shortcut` may be NULL; the
/// activation is none or relu. In place is allowed.
typedef void excite_scale_function(const float *input, const float *gate, const float *shortcut, excite_activation, int32_t pixels,
                                   const excite_span *, float *output);
/// output = activation(input * factor + shift) over a span of (C/16, pixels, 16), each one number a channel: `factor` and `shift` (C) rounded
/// up to whole blocks, or both NULL for 1 and 0. Padding channels become zero. In place is allowed.
typedef void excite_affine_function(const float *input, const float *factor, const float *shift, excite_activation, int32_t channels,
                                    int32_t pixels, const excite_span *, float *output);
/// Multiply-adds on registers alone, as fast as one core can: `rounds` of them, to be timed. Returns a number without meaning and, in
/// `count`, how many it did.
typedef float excite_multiply_adds_function(int64_t rounds, int64_t *count);

/// What an activation's elements are. A uint8 q stands for scale * (q - zero), with a scale and a zero of its own for each channel.
typedef enum { excite_float32, excite_bfloat16, excite_uint8 } excite_element;

/// The bits of the nearest bfloat16, ties to even; not for NaN.
static inline uint16_t excite_nearest_bfloat16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// What happens to a sum of dot products s between its accumulation and its only store:
/// y = s * multiplier + bias + residual * residual_multiplier, and not less than `low`. A product and the sum that it belongs to are rounded
/// once on every instruction set, so that a uint8 answer is the same on each. Arrays have a number for each output channel (O), rounded up to whole blocks with zeros. The element's own
/// scales and zeros are in the multipliers and the bias, and it is rounded to nearest, ties to even, and saturates.
typedef struct {
    const float *multiplier;  // NULL for bfloat16, where it is 1
    const float *bias;        // never NULL
    const void *residual;     // laid out as the output, of the input's element; NULL for none
    const float *residual_multiplier;  // NULL for none and for bfloat16, where it is 1
    float *sums;  // as excite_epilogue has them, of y before it is rounded
    float low;    // -INFINITY for none
    excite_element element;  // of the output: the input's or float32
} excite_dot_epilogue;

/// Convolutions in bfloat16 or uint8: any kernel size and stride; G = 1, C/G and O/G multiples of 16, or 3 x 3 with C/G = O/G = 4 or 8. A
/// planar input has its channels, at most 4, side by side instead: (H, W, 4), the missing ones zero. Counts are in bytes.
typedef struct {
    size_t (*packed_bytes)(const excite_convolution *);
    /// `weights` (O, C/G, R, S): int8 for uint8 activations, float for bfloat16, which they are rounded to. Otherwise as excite_pack_function.
    void (*pack)(const excite_convolution *, int32_t block, int32_t blocks, const void *weights, void *packed);
    size_t (*scratch_bytes)(const excite_convolution *, int32_t rows);
    /// Computes one tile of one image. `border` is what lies outside the image: four bytes, or two bfloat16.
    void (*run)(const excite_convolution *, const excite_tile *, uint32_t border, const void *input, const void *packed,
                const excite_dot_epilogue *, void *output, void *scratch);
    /// As excite_multiply_adds_function.
    float (*limit)(int64_t rounds, int64_t *count);
} excite_dot_kernels;

/// From one kind of element to another: y = activation(x * factor + shift) * to_factor + to_shift. Arrays have a number for each channel (C),
/// rounded up to whole blocks with zeros; none is NULL.
typedef struct {
    excite_element from, to;
    const float *factor, *shift, *to_factor, *to_shift;
    excite_activation activation;
} excite_mapping;

/// y = x * f + (shift - zero * f) + shortcut * shortcut_factor with f = factor * gate, in this order, and not less than `low`. The products
/// with x and with the shortcut are rounded once with their sums. Arrays as in excite_mapping.
typedef struct {
    const float *gate;  // NULL for ones
    const float *factor, *zero, *shift;
    const void *shortcut;  // laid out as the output; NULL for none
    const float *shortcut_factor;
    float low;  // -INFINITY for none
} excite_gating;

/// Over a span of (C/16, pixels, 16), input and output of the same kind of element or as the mapping says.
typedef void excite_map_function(const excite_mapping *, int32_t pixels, const excite_span *, const void *input, void *output);
typedef void excite_gate_function(excite_element, const excite_gating *, int32_t pixels, const excite_span *, const void *input, void *output);
/// A planar image (C, pixels) in float32 becomes (pixels, 4) of the element: y = x * factor + shift with a number for each channel, zero
/// where there is no channel.
typedef void excite_interleave_function(excite_element, const float *factor, const float *shift, int32_t channels, int32_t pixels,
                                        const float *input, void *output);
/// As excite_pool_function and excite_blur_function; the output has the input's scales and zeros, and `zero` (C) is what padding is.
typedef void excite_pool_narrow_function(excite_element, const excite_pooling *, const float *zero, const excite_tile *, const void *input,
                                         void *output);
typedef void excite_blur_narrow_function(excite_element, const excite_blurring *, const float *zero, const excite_tile *, const void *input,
                                         void *output);
/// As excite_pixels_function, of the elements as they are; `input` and `results` are whole.
typedef void excite_reduce_function(excite_element, bool maximum, const void *input, int32_t pixels, int32_t block, int32_t blocks,
                                    float *results);
/// results[c] = factor[c] * (sum over b of sums[b * channels + c]) + shift[c]; a multiple of 16 channels. Added in the order of b.
typedef void excite_scaled_sums_function(const float *sums, int32_t bands, const float *factor, const float *shift, int32_t channels,
                                         float *results);

/// The kernels of one instruction set.
typedef struct {
    const char *name;  // "avx512bf16", "avx512vnni", "avx512", "avx2vnni", "avx2", "bf16", "dotprod" or "portable"
    const char *base;  // the first instruction set with the same float32 kernels: "avx512", "avx2" or "portable"

    /// Any kernel size and stride; G = 1, or C/G and O/G multiples of 16. Planar input only with C <= 4 (the stems).
    excite_convolution_algorithm direct;
    /// 3 x 3 (any stride) with C/G = O/G = 4 or 8.
    excite_convolution_algorithm grouped;
    /// 3 x 3, stride 1, padding 1, G = 1: F(2x2, 3x3) and F(4x4, 3x3) of Lavin and Gray (arXiv 1509.09308). `rows` of a tile: a multiple
    /// of 2 or 4, but for the last tile of an image.
    excite_convolution_algorithm winograd2, winograd4;

    excite_pool_function *pool;
    excite_blur_function *blur;
    excite_pixels_function *max_pixels;  // a NaN wins
    excite_pixels_function *sum_pixels;
    excite_mean_function *mean;
    excite_linear_function *linear;  // of float32 weights
    excite_scale_function *scale;
    excite_affine_function *affine;
    excite_multiply_adds_function *multiply_adds;

    // Over elements of any kind; none of them is contracted.
    excite_map_function *map;
    excite_interleave_function *interleave;
    excite_gate_function *gate;
    excite_pool_narrow_function *pool_narrow;
    excite_blur_narrow_function *blur_narrow;
    excite_reduce_function *reduce;
    excite_scaled_sums_function *scaled_sums;
    excite_linear_function *exact_linear;  // of bfloat16 weights

    const excite_dot_kernels *uint8;
    const excite_dot_kernels *bfloat16;  // NULL where the instruction set has no dot product of them
} excite_kernels;

/// The kernels that this processor can run, fastest first; NULL after the last. The last is always "portable".
const excite_kernels *excite_kernels_at(int32_t index);

/// Packs `weights` (O, C) as float32 for `linear`, as the nearest bfloat16 for `exact_linear`: (O rounded up / 16, C, 16), padding outputs
/// zero.
void excite_pack_linear(excite_element, int32_t outputs, int32_t channels, const float *weights, void *packed);

/// Channels [from, from + count) of one block become channels [to, to + count) of another, both (pixels, 16) of elements of `size` bytes.
void excite_copy_channels(size_t size, const void *input, int32_t from, int32_t count, int32_t pixels, void *output, int32_t to);

/// A planar image (C, pixels) becomes a blocked one (C/16, pixels, 16), its padding channels zero.
void excite_block_channels(int32_t channels, int32_t pixels, const float *input, float *output);

/// The general path's matrix for a BLAS: columns (C/G * R * S, rows * Q), row-major, of one group of the input for the output rows
/// [row, row + rows); what lies outside the image is zero.
void excite_im2col(const excite_convolution *, int32_t group, int32_t row, int32_t rows, const float *input, float *columns);
/// The general path's end: takes `products` (O/G, rows * Q), one group of the output without its bias, through the epilogue into the
/// blocked output. Groups of one tile must come in order, by one thread: channels of a block may belong to several groups.
/// Padding channels of the last block are written as zero with the last group.
void excite_store_products(const excite_convolution *, int32_t group, int32_t row, int32_t rows, const float *products,
                           const excite_epilogue *, float *output);

#ifdef __cplusplus
}
#endif
