// 3 x 3 convolutions of 4 or 8 channels a group (SE-ResNeXt) for every instruction set. A block of 16 outputs is made of the same
// block of 16 inputs: 4 or 2 groups side by side in a register.
#include "convolution.h"

/// The convolution that these kernels compute.
static bool is_grouped(const excite_convolution *c) {
    const int32_t depth = c->channels / c->groups;
    return excite_is_convolution(c) && c->kernel_height == 3 && c->kernel_width == 3 && c->channels == c->outputs
        && (depth == 4 || depth == 8) && !c->planar_input;
}

/// Floats of one output block's weights.
static size_t block_weights(const excite_convolution *c) { return (size_t)(9 * (c->channels / c->groups)) * excite_block; }

#define EXCITE_BODY "grouped.inc.h"
#include "for_each_isa.h"

size_t excite_grouped_packed_count(const excite_convolution *c) { return (size_t)excite_blocks(c->outputs) * block_weights(c); }

size_t excite_grouped_scratch_count(const excite_convolution *c, int32_t rows) {
    return excite_float_band_count(c, rows, 1);
}

void excite_grouped_pack(const excite_convolution *c, int32_t block, int32_t blocks,
                         const float *weights,  // (O, C/G, 3, 3)
                         float *packed) {       // (O/16, 3, C/G, 3, 16): kernel row, channel, kernel column
    assert(is_grouped(c) && block >= 0 && blocks > 0 && block + blocks <= excite_blocks(c->outputs));
    const int32_t depth = c->channels / c->groups;
    for (int32_t o = block * excite_block; o < (block + blocks) * excite_block; o++) {
        float *to = packed + (size_t)(o / excite_block) * block_weights(c) + o % excite_block;
        for (int32_t r = 0; r < 3; r++) {
            for (int32_t k = 0; k < depth; k++) {
                for (int32_t s = 0; s < 3; s++, to += excite_block) *to = o < c->outputs ? weights[((o * depth + k) * 3 + r) * 3 + s] : 0;
            }
        }
    }
}
