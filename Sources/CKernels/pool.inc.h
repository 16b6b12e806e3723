// The body of pool.c. C channels, H x W input, P x Q output.
#include <math.h>

/// The larger of two; a NaN wins, as in PyTorch.
EXCITE_INLINE vec ISA(larger)(vec a, vec b) { return ((b > a) | (b != b)) ? b : a; }

/// One block of one row: the window's rows [top, bottom) are already clipped to the image, its columns are clipped here; an average
/// divides by `height` rows. `average` is a constant where this is inlined.
EXCITE_INLINE void ISA(pool_row)(bool average, const excite_pooling *p, int32_t top, int32_t bottom, int32_t height,
                                 const float *input,  // (H, W, 16)
                                 float *output) {     // (Q, 16)
    for (int32_t x = 0; x < p->output_width; x++) {
        const int32_t left = excite_max(x * p->stride - p->padding, 0);
        const int32_t right = excite_min(x * p->stride - p->padding + p->kernel, p->width);
        assert(top < bottom && left < right);
        vec result[VECTORS];
        UNROLLED for (int v = 0; v < VECTORS; v++) result[v] = (vec)(average ? 0 : -INFINITY);
        for (int32_t y = top; y < bottom; y++) {
            const vec *row = (const vec *)(input + excite_at(p->height, p->width, 0, y, 0));
            for (int32_t i = left; i < right; i++) {
                UNROLLED for (int v = 0; v < VECTORS; v++) {
                    const vec value = row[i * VECTORS + v];
                    if (average) result[v] += value;
                    else result[v] = ISA(larger)(result[v], value);
                }
            }
        }
        const int32_t padded = excite_min(p->kernel, p->width + 2 * p->padding - x * p->stride);
        const float area = average ? (float)(height * (p->counts_padding ? padded : right - left)) : 1;
        UNROLLED for (int v = 0; v < VECTORS; v++) ((vec *)output)[x * VECTORS + v] = result[v] / area;
    }
}

void ISA(excite_pool)(const excite_pooling *p, const excite_tile *tile,
                      const float *input,  // (C/16, H, W, 16)
                      float *output) {     // (C/16, P, Q, 16)
    assert(excite_is_tile(tile, p->output_height, excite_blocks(p->channels)));
    assert(excite_is_aligned(input) && excite_is_aligned(output));
    for (int32_t block = tile->block; block < tile->block + tile->blocks; block++) {
        for (int32_t y = tile->row; y < tile->row + tile->rows; y++) {
            const int32_t top = excite_max(y * p->stride - p->padding, 0);
            const int32_t bottom = excite_min(y * p->stride - p->padding + p->kernel, p->height);
            const int32_t padded = excite_min(p->kernel, p->height + 2 * p->padding - y * p->stride);
            const int32_t height = p->counts_padding ? padded : bottom - top;
            const float *from = input + excite_at(p->height, p->width, block, 0, 0);
            float *to = output + excite_at(p->output_height, p->output_width, block, y, 0);
            if (p->average) ISA(pool_row)(true, p, top, bottom, height, from, to);
            else ISA(pool_row)(false, p, top, bottom, height, from, to);
        }
    }
}

void ISA(excite_max_pixels)(const float *input,  // (blocks, pixels, 16)
                            int32_t pixels, int32_t blocks,
                            float *maxima) {  // (blocks, 16)
    assert(pixels > 0 && blocks > 0 && excite_is_aligned(input) && excite_is_aligned(maxima));
    // Chains hide a comparison's latency; a maximum is the same in any order.
    enum { chains = 4 };
    for (int32_t block = 0; block < blocks; block++) {
        const vec *in = (const vec *)(input + (size_t)block * (size_t)pixels * excite_block);
        vec largest[chains][VECTORS];
        for (int j = 0; j < chains; j++) {
            for (int v = 0; v < VECTORS; v++) largest[j][v] = (vec)-INFINITY;
        }
        for (int32_t i = 0; i < pixels; i++) {
            for (int v = 0; v < VECTORS; v++) largest[i % chains][v] = ISA(larger)(largest[i % chains][v], in[i * VECTORS + v]);
        }
        for (int v = 0; v < VECTORS; v++) {
            const vec low = ISA(larger)(largest[0][v], largest[1][v]), high = ISA(larger)(largest[2][v], largest[3][v]);
            ((vec *)maxima)[block * VECTORS + v] = ISA(larger)(low, high);
        }
    }
}
