// Moving channels (concatenation, the way from planar to blocked). Portable C: it waits for memory whatever the instruction set.
#include <string.h>

#include "internal.h"

void excite_copy_channels(size_t size,
                          const void *input,  // (pixels, 16)
                          int32_t from, int32_t count, int32_t pixels,
                          void *output,  // (pixels, 16)
                          int32_t to) {
    assert(pixels > 0 && count > 0 && from >= 0 && from + count <= excite_block && to >= 0 && to + count <= excite_block);
    const size_t pixel = excite_block * size;
    if (count == excite_block) {
        memcpy(output, input, (size_t)pixels * pixel);
        return;
    }
    const char *source = (const char *)input + (size_t)from * size;
    char *target = (char *)output + (size_t)to * size;
    for (size_t i = 0; i < (size_t)pixels; i++) memcpy(target + i * pixel, source + i * pixel, (size_t)count * size);
}

void excite_block_channels(int32_t channels, int32_t pixels,
                           const float *input,  // (C, pixels)
                           float *output) {     // (C/16, pixels, 16)
    assert(channels > 0 && pixels > 0 && excite_is_aligned(output));
    const size_t count = (size_t)pixels;
    memset(output, 0, (size_t)excite_blocks(channels) * count * excite_block * sizeof *output);
    for (size_t c = 0; c < (size_t)channels; c++) {
        float *to = output + c / excite_block * count * excite_block + c % excite_block;
        for (size_t i = 0; i < count; i++) to[i * excite_block] = input[c * count + i];
    }
}
