// The body of blur.c. C channels, H x W input, P x Q output.

/// The row or column next to the middle one, `i`, in an image of `size`: reflected where it is outside, or -1 for zeros.
EXCITE_INLINE int32_t ISA(beside)(const excite_blurring *b, int32_t i, int32_t size) {
    if (i >= 0 && i < size) return i;
    return b->reflects ? (i < 0 ? -i : 2 * (size - 1) - i) : -1;
}

/// 1, 2, 1 of three rows at one column, or zero outside the image.
EXCITE_INLINE vec ISA(column)(const vec *const *rows, int32_t x, int v) {
    if (x < 0) return (vec)0;
    vec sum = rows[1][x * VECTORS + v] * 2.0f;
    if (rows[0]) sum += rows[0][x * VECTORS + v];
    if (rows[2]) sum += rows[2][x * VECTORS + v];
    return sum;
}

void ISA(excite_blur)(const excite_blurring *b, const excite_tile *tile,
                      const float *input,  // (C/16, H, W, 16)
                      float *output) {     // (C/16, P, Q, 16)
    assert(excite_is_tile(tile, b->output_height, excite_blocks(b->channels)));
    assert((b->stride == 1 || b->stride == 2) && (!b->reflects || (b->height > 1 && b->width > 1)));
    assert((b->output_height - 1) * b->stride < b->height && (b->output_width - 1) * b->stride < b->width);
    assert(excite_is_aligned(input) && excite_is_aligned(output));
    for (int32_t block = tile->block; block < tile->block + tile->blocks; block++) {
        for (int32_t row = tile->row; row < tile->row + tile->rows; row++) {
            const vec *rows[3];
            for (int32_t r = 0; r < 3; r++) {
                const int32_t y = ISA(beside)(b, row * b->stride + r - 1, b->height);
                rows[r] = y < 0 ? NULL : (const vec *)(input + excite_at(b->height, b->width, block, y, 0));
            }
            vec *to = (vec *)(output + excite_at(b->output_height, b->output_width, block, row, 0));
            for (int32_t q = 0; q < b->output_width; q++) {
                const int32_t x = q * b->stride, left = ISA(beside)(b, x - 1, b->width), right = ISA(beside)(b, x + 1, b->width);
                UNROLLED for (int v = 0; v < VECTORS; v++) {
                    const vec sum = ISA(column)(rows, left, v) + 2.0f * ISA(column)(rows, x, v) + ISA(column)(rows, right, v);
                    to[q * VECTORS + v] = sum * 0.0625f;
                }
            }
        }
    }
}
