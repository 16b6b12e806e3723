// Direct convolution for every instruction set, and what its instruction sets share: the packing of the weights.
#include "convolution.h"

/// Terms of a panel: its weights for one output block (16 to 18 KiB) stay in the first-level cache while tile after tile of pixels
/// reads them. Partial sums wait in the output between two panels, where nothing is rounded, so the panel changes no result.
enum { panel_terms = 288 };

#define EXCITE_BODY "direct.inc.h"
#include "for_each_isa.h"

/// Terms of an output element.
static size_t terms_count(const excite_convolution *c) {
    const size_t depth = c->planar_input ? (size_t)c->channels : (size_t)excite_planes(c) * excite_block;
    return depth * (size_t)c->kernel_height * (size_t)c->kernel_width;
}

size_t excite_direct_packed_count(const excite_convolution *c) {
    return (size_t)excite_blocks(c->outputs) * terms_count(c) * excite_block;
}

size_t excite_direct_scratch_count(const excite_convolution *c, int32_t rows) {
    return excite_float_band_count(c, rows, excite_blocks(c->channels));
}

void excite_direct_pack(const excite_convolution *c, int32_t block, int32_t blocks,
                        const float *weights,  // (O, C/G, R, S)
                        float *packed) {       // (O/16, C/G/16, R, S, 16, 16), planar (O/16, R, S, C, 16)
    assert(excite_is_convolution(c) && block >= 0 && blocks > 0 && block + blocks <= excite_blocks(c->outputs));
    const int32_t channels = c->channels / c->groups, window = c->kernel_height * c->kernel_width;
    const int32_t depth = c->planar_input ? channels : excite_block;
    for (int32_t o = block * excite_block; o < (block + blocks) * excite_block; o++) {
        float *to = packed + (size_t)(o / excite_block) * terms_count(c) * excite_block + o % excite_block;
        for (int32_t plane = 0; plane < excite_planes(c); plane++) {
            for (int32_t tap = 0; tap < window; tap++) {
                for (int32_t k = plane * depth; k < (plane + 1) * depth; k++, to += excite_block) {
                    const size_t from = ((size_t)o * (size_t)channels + (size_t)k) * (size_t)window + (size_t)tap;
                    *to = o < c->outputs && k < channels ? weights[from] : 0;
                }
            }
        }
    }
}
