// Winograd's minimal filtering F(2x2, 3x3) and F(4x4, 3x3) for every instruction set (Lavin and Gray, arXiv 1509.09308, section 4),
// and the transform of the weights, which happens once.
#include "convolution.h"

/// The transformed inputs of the tiles that are computed together should stay in the second-level cache: floats (256 KiB).
enum { winograd_input_floats = 64 * 1024 };

/// The convolution that these kernels compute.
static bool is_winograd(const excite_convolution *c) {
    return excite_is_convolution(c) && c->kernel_height == 3 && c->kernel_width == 3 && c->stride == 1 && c->padding == 1
        && c->groups == 1 && !c->planar_input;
}

/// m x m output tiles of a band of `rows` rows.
static int32_t winograd_tiles(const excite_convolution *c, int32_t m, int32_t rows) {
    return excite_divide_up(rows, m) * excite_divide_up(c->output_width, m);
}

/// Tiles of a band that are computed together: about equal parts of the band. They share each read of the weights, so not too few.
static int32_t winograd_part(const excite_convolution *c, int32_t m, int32_t rows) {
    const int32_t tiles = winograd_tiles(c, m, rows), points = (m + 2) * (m + 2);
    const int32_t most = excite_max(16, winograd_input_floats / (points * excite_blocks(c->channels) * excite_block));
    return excite_divide_up(tiles, excite_divide_up(tiles, most));
}

/// Floats from the values of one point of the transformed tiles to the next point's. The odd cache line keeps the 16 or 36 points of
/// one tile from falling into the same few sets of the cache.
static size_t winograd_point_stride(int32_t blocks, int32_t part) { return ((size_t)blocks * (size_t)part + 1) * excite_block; }

#define EXCITE_BODY "winograd.inc.h"
#include "for_each_isa.h"

/// G of F(4x4, 3x3) and F(2x2, 3x3): (points, 3).
static const double weights_4[6][3] = {{1. / 4, 0, 0},           {-1. / 6, -1. / 6, -1. / 6}, {-1. / 6, 1. / 6, -1. / 6},
                                       {1. / 24, 1. / 12, 1. / 6}, {1. / 24, -1. / 12, 1. / 6}, {0, 0, 1}};
static const double weights_2[4][3] = {{1, 0, 0}, {1. / 2, 1. / 2, 1. / 2}, {1. / 2, -1. / 2, 1. / 2}, {0, 0, 1}};

/// One channel's kernel g (3, 3) becomes G g G^T (size, size), written `stride` floats apart.
static void transform_weights(int size, const double (*matrix)[3], const float *kernel, float *transformed, size_t stride) {
    for (int y = 0; y < size; y++) {
        for (int x = 0; x < size; x++) {
            double sum = 0;
            for (int r = 0; r < 3; r++) {
                for (int s = 0; s < 3; s++) sum += matrix[y][r] * (double)kernel[r * 3 + s] * matrix[x][s];
            }
            transformed[(size_t)(y * size + x) * stride] = (float)sum;
        }
    }
}

static void pack(const excite_convolution *c, int size, const double (*matrix)[3], int32_t block, int32_t blocks,
                 const float *weights,  // (O, C, 3, 3)
                 float *packed) {       // (O/16, size * size, C, 16)
    assert(is_winograd(c) && block >= 0 && blocks > 0 && block + blocks <= excite_blocks(c->outputs));
    const size_t channels = (size_t)excite_blocks(c->channels) * excite_block, point = channels * excite_block;
    for (int32_t o = block * excite_block; o < (block + blocks) * excite_block; o++) {
        float *to = packed + (size_t)(o / excite_block * size * size) * point + o % excite_block;
        for (size_t k = 0; k < channels; k++) {
            static const float none[9];
            const bool exists = o < c->outputs && k < (size_t)c->channels;
            const float *kernel = exists ? weights + ((size_t)o * (size_t)c->channels + k) * 9 : none;
            transform_weights(size, matrix, kernel, to + k * excite_block, point);
        }
    }
}

static size_t packed_count(const excite_convolution *c, size_t points) {
    return (size_t)excite_blocks(c->outputs) * points * (size_t)excite_blocks(c->channels) * excite_block * excite_block;
}

size_t excite_winograd2_packed_count(const excite_convolution *c) { return packed_count(c, 16); }
size_t excite_winograd4_packed_count(const excite_convolution *c) { return packed_count(c, 36); }

void excite_winograd2_pack(const excite_convolution *c, int32_t block, int32_t blocks, const float *weights, float *packed) {
    pack(c, 4, weights_2, block, blocks, weights, packed);
}

void excite_winograd4_pack(const excite_convolution *c, int32_t block, int32_t blocks, const float *weights, float *packed) {
    pack(c, 6, weights_4, block, blocks, weights, packed);
}
