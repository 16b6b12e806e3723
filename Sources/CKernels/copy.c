// Moving channels (concatenation). Portable C: it waits for memory whatever the instruction set.
#include <string.h>

#include "internal.h"

void excite_copy_channels(const float *input,  // (pixels, 16)
                          int32_t from, int32_t count, int32_t pixels,
                          float *output,  // (pixels, 16)
                          int32_t to) {
    assert(pixels > 0 && count > 0 && from >= 0 && from + count <= excite_block && to >= 0 && to + count <= excite_block);
    if (count == excite_block) {
        memcpy(output, input, (size_t)pixels * excite_block * sizeof *output);
        return;
    }
    for (size_t i = 0; i < (size_t)pixels * excite_block; i += excite_block) {
        memcpy(output + i + to, input + i + from, (size_t)count * sizeof *output);
    }
}
