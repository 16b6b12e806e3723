// The parts of a Squeeze-and-Excitation block (squeeze, excitation, scale) for every instruction set.
#include <math.h>
#include <string.h>

#define EXCITE_BODY "gate.inc.h"
#include "for_each_isa.h"

void excite_pack_linear(int32_t outputs, int32_t channels,
                        const float *weights,  // (O, C)
                        float *packed) {       // (O rounded up / 16, C, 16)
    assert(outputs > 0 && channels > 0);
    const size_t blocks = (size_t)excite_blocks(outputs), C = (size_t)channels;
    memset(packed, 0, blocks * C * excite_block * sizeof *packed);
    for (size_t o = 0; o < (size_t)outputs; o++) {
        for (size_t c = 0; c < C; c++) packed[(o / excite_block * C + c) * excite_block + o % excite_block] = weights[o * C + c];
    }
}
