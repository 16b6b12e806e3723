// The parts of a Squeeze-and-Excitation block (squeeze, excitation, scale) for every instruction set.
#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define EXCITE_BODY "gate.inc.h"
#include "for_each_isa.h"

void excite_pack_linear(excite_element element, int32_t outputs, int32_t channels,
                        const float *weights,  // (O, C)
                        void *packed) {        // (O rounded up / 16, C, 16) elements
    assert(outputs > 0 && channels > 0 && element != excite_uint8);
    const size_t blocks = (size_t)excite_blocks(outputs), C = (size_t)channels;
    memset(packed, 0, blocks * C * excite_block * (element == excite_float32 ? sizeof(float) : sizeof(uint16_t)));
    for (size_t o = 0; o < (size_t)outputs; o++) {
        for (size_t c = 0; c < C; c++) {
            const size_t at = (o / excite_block * C + c) * excite_block + o % excite_block;
            if (element == excite_float32) ((float *)packed)[at] = weights[o * C + c];
            else ((uint16_t *)packed)[at] = excite_nearest_bfloat16(weights[o * C + c]);
        }
    }
}
