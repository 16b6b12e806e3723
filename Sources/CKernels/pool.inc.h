// The body of pool.c. C channels, H x W input, P x Q output.
#include <math.h>

void ISA(excite_pool)(const excite_pooling *, const excite_tile *, const float *, float *);

/// One block of one row: the window's rows [top, bottom) are already clipped to the image, its columns are clipped here. `average` is
/// a constant where this is inlined.
EXCITE_INLINE void ISA(pool_row)(bool average, const excite_pooling *p, int32_t top, int32_t bottom,
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
                    else result[v] = ((value > result[v]) | (value != value)) ? value : result[v];  // a NaN wins, as in PyTorch
                }
            }
        }
        const float area = average ? (float)((bottom - top) * (right - left)) : 1;
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
            const float *from = input + excite_at(p->height, p->width, block, 0, 0);
            float *to = output + excite_at(p->output_height, p->output_width, block, y, 0);
            if (p->average) ISA(pool_row)(true, p, top, bottom, from, to);
            else ISA(pool_row)(false, p, top, bottom, from, to);
        }
    }
}
