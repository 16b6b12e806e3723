// The body of winograd.c. `m` is the edge of an output tile (2 or 4), a constant where the functions are inlined; an input tile has
// (m + 2) x (m + 2) points. Three steps: the input's tiles are transformed (V), each point's matrix of tiles x channels is multiplied
// by the point's weights (M), and M's tiles are transformed into outputs.
#include "epilogue.inc.h"

/// B^T d of one line of an input tile, in place; its points are `step` apart.
EXCITE_INLINE void ISA(transform_input_line)(int m, vec *d, int step) {
    const vec a = d[0], b = d[step], c = d[2 * step], e = d[3 * step];
    if (m == 2) {
        d[0] = a - c;
        d[step] = b + c;
        d[2 * step] = c - b;
        d[3 * step] = b - e;
    } else {
        const vec f = d[4 * step], g = d[5 * step];
        d[0] = 4 * a + (f - 5 * c);
        d[step] = (f - 4 * c) + (e - 4 * b);
        d[2 * step] = (f - 4 * c) - (e - 4 * b);
        d[3 * step] = (f - c) + 2 * (e - b);
        d[4 * step] = (f - c) - 2 * (e - b);
        d[5 * step] = 4 * b + (g - 5 * e);
    }
}

/// A^T t of one line of a product's tile: m outputs, `to_step` apart.
EXCITE_INLINE void ISA(transform_output_line)(int m, const vec *t, int step, vec *to, int to_step) {
    const vec sum = t[step] + t[2 * step], difference = t[step] - t[2 * step];
    if (m == 2) {
        to[0] = t[0] + sum;
        to[to_step] = difference - t[3 * step];
    } else {
        const vec sum2 = t[3 * step] + t[4 * step], difference2 = t[3 * step] - t[4 * step];
        to[0] = t[0] + sum + sum2;
        to[to_step] = difference + 2 * difference2;
        to[2 * to_step] = sum + 4 * sum2;
        to[3 * to_step] = (difference + t[5 * step]) + 8 * difference2;
    }
}

/// V of one block of channels of one tile, whose first input pixel is (top, left).
EXCITE_INLINE void ISA(transform_input)(int m, const excite_convolution *c, int32_t top, int32_t left,
                                        const float *plane,  // (H, W, 16)
                                        float *to,           // the first point's 16 values
                                        size_t stride) {
    const int size = m + 2;
    UNROLLED for (int v = 0; v < VECTORS; v++) {
        vec d[36];
        for (int y = 0; y < size; y++) {
            const bool inside = top + y >= 0 && top + y < c->height;
            const vec *row = (const vec *)(plane + ((ptrdiff_t)(top + y) * c->width + left) * excite_block);
            UNROLLED for (int x = 0; x < size; x++) {
                d[y * size + x] = inside && left + x >= 0 && left + x < c->width ? row[x * VECTORS + v] : (vec)0;
            }
            ISA(transform_input_line)(m, d + y * size, 1);
        }
        UNROLLED for (int x = 0; x < size; x++) {
            ISA(transform_input_line)(m, d + x, size);
            UNROLLED for (int y = 0; y < size; y++) ((vec *)(to + (size_t)(y * size + x) * stride))[v] = d[y * size + x];
        }
    }
}

/// The outputs of one block of one tile, whose first pixel is (top, left), through the epilogue.
EXCITE_INLINE void ISA(transform_output)(int m, const excite_convolution *c, int32_t block, int32_t top, int32_t left,
                                         const float *from,  // the first point's 16 values
                                         size_t stride, const excite_epilogue *epilogue,
                                         float *output) {  // (O/16, P, Q, 16)
    const int size = m + 2;
    const int32_t rows = excite_min(m, c->output_height - top), columns = excite_min(m, c->output_width - left);
    const vec *bias = (const vec *)(epilogue->bias + block * excite_block);
    const bool relu = epilogue->activation == excite_activation_relu;
    UNROLLED for (int v = 0; v < VECTORS; v++) {
        vec t[36], half[24], y[16];
        UNROLLED for (int i = 0; i < size; i++) {
            UNROLLED for (int j = 0; j < size; j++) t[j * size + i] = ((const vec *)(from + (size_t)(j * size + i) * stride))[v];
            ISA(transform_output_line)(m, t + i, size, half + i, size);
        }
        UNROLLED for (int i = 0; i < m; i++) ISA(transform_output_line)(m, half + i * size, 1, y + i * m, 1);
        vec sum = (vec)0, *total = epilogue->sums ? &sum : NULL;
        for (int i = 0; i < rows; i++) {
            const size_t at = excite_at(c->output_height, c->output_width, block, top + i, left);
            const float *residual = epilogue->residual ? epilogue->residual + at : NULL;
            vec *row = y + i * m;
            UNROLLED for (int j = 0; j < m; j++) row[j] += bias[v];
            if (columns == m) {
                ISA(finish)(m, row, residual, relu, output + at, v, total);
            } else {
                for (int j = 0; j < columns; j++) {
                    const int from = j * excite_block;
                    ISA(finish)(1, row + j, residual ? residual + from : NULL, relu, output + at + from, v, total);
                }
            }
        }
        if (epilogue->sums) ((vec *)(epilogue->sums + block * excite_block))[v] += sum;
    }
}

EXCITE_INLINE size_t ISA(winograd_scratch_count)(int m, const excite_convolution *c, int32_t rows) {
    const int32_t part = winograd_part(c, m, rows), points = (m + 2) * (m + 2);
    return (size_t)points * (winograd_point_stride(excite_blocks(c->channels), part) + winograd_point_stride(TILE_BLOCKS, part));
}

/// M = V times the weights of `blocks` output blocks, point after point.
EXCITE_INLINE void ISA(multiply_points)(int m, const excite_convolution *c, int32_t tiles, int32_t part, int32_t blocks,
                                        const float *V,        // (points, C/16, part, 16), points an odd number of lines apart
                                        const float *weights,  // (blocks, points, C, 16)
                                        float *M) {            // (points, blocks, part, 16), likewise
    static const float zeros[TILE_BLOCKS * excite_block] __attribute__((aligned(64)));
    const int points = (m + 2) * (m + 2);
    const int32_t planes = excite_blocks(c->channels);
    const size_t point_weights = (size_t)planes * excite_block * excite_block;
    for (int point = 0; point < points; point++) {
        const excite_float_ends ends = {
            .output = M + (size_t)point * winograd_point_stride(TILE_BLOCKS, part),
            .output_stride = (size_t)part * excite_block,
            .bias = zeros,
        };
        const excite_product product = {
            .planes = planes,
            .kernel_rows = 1,
            .run = excite_block,
            .plane_stride = (size_t)part * excite_block,
            .input = (const excite_word *)(V + (size_t)point * winograd_point_stride(planes, part)),
            .lines = 1,
            .width = tiles,
            .step = excite_block,
            .weights = (const char *)(weights + (size_t)point * point_weights),
            .weights_stride = (size_t)points * point_weights * sizeof *weights,
            .ends = &ends,
        };
        ISA(excite_multiply)(blocks, &product);
    }
}

EXCITE_INLINE void ISA(winograd)(int m, const excite_convolution *c, const excite_tile *tile, const float *input, const float *packed,
                                 const excite_epilogue *epilogue, float *output, float *scratch) {
    assert(is_winograd(c) && excite_is_tile(tile, c->output_height, excite_blocks(c->outputs)) && tile->row % m == 0);
    assert(tile->rows % m == 0 || tile->row + tile->rows == c->output_height);
    assert(excite_is_epilogue(epilogue));
    assert(excite_is_aligned(packed) && excite_is_aligned(output) && excite_is_aligned(scratch));

    const int32_t planes = excite_blocks(c->channels), across = excite_divide_up(c->output_width, m);
    const int32_t count = winograd_tiles(c, m, tile->rows), part = winograd_part(c, m, tile->rows), points = (m + 2) * (m + 2);
    const size_t input_stride = winograd_point_stride(planes, part), output_stride = winograd_point_stride(TILE_BLOCKS, part);
    float *V = scratch, *M = scratch + (size_t)points * input_stride;
    if (epilogue->sums) memset(epilogue->sums + tile->block * excite_block, 0, (size_t)tile->blocks * excite_block * sizeof(float));

    for (int32_t first = 0; first < count; first += part) {
        const int32_t tiles = excite_min(part, count - first);
        for (int32_t plane = 0; plane < planes; plane++) {
            for (int32_t i = 0; i < tiles; i++) {
                const int32_t top = tile->row + (first + i) / across * m, left = (first + i) % across * m;
                ISA(transform_input)(m, c, top - 1, left - 1, input + excite_at(c->height, c->width, plane, 0, 0),
                                     V + excite_at(1, part, plane, 0, i), input_stride);
            }
        }
        int32_t blocks;
        for (int32_t block = tile->block; block < tile->block + tile->blocks; block += blocks) {
            blocks = excite_product_blocks(TILE_BLOCKS, tile->block + tile->blocks - block);
            const float *weights = packed + (size_t)(block * points * planes) * excite_block * excite_block;
            ISA(multiply_points)(m, c, tiles, part, blocks, V, weights, M);
            for (int32_t b = 0; b < blocks; b++) {
                for (int32_t i = 0; i < tiles; i++) {
                    const int32_t top = tile->row + (first + i) / across * m, left = (first + i) % across * m;
                    ISA(transform_output)(m, c, block + b, top, left, M + excite_at(1, part, b, 0, i), output_stride, epilogue, output);
                }
            }
        }
    }
}

size_t ISA(excite_winograd2_scratch_count)(const excite_convolution *c, int32_t rows) {
    return ISA(winograd_scratch_count)(2, c, rows);
}

size_t ISA(excite_winograd4_scratch_count)(const excite_convolution *c, int32_t rows) {
    return ISA(winograd_scratch_count)(4, c, rows);
}

void ISA(excite_winograd2)(const excite_convolution *c, const excite_tile *tile,
                           const float *input,   // (C/16, H, W, 16)
                           const float *packed,  // (O/16, 16, C, 16)
                           const excite_epilogue *epilogue,
                           float *output,     // (O/16, P, Q, 16)
                           float *scratch) {  // excite_winograd2_scratch_count
    ISA(winograd)(2, c, tile, input, packed, epilogue, output, scratch);
}

void ISA(excite_winograd4)(const excite_convolution *c, const excite_tile *tile,
                           const float *input,   // (C/16, H, W, 16)
                           const float *packed,  // (O/16, 36, C, 16)
                           const excite_epilogue *epilogue,
                           float *output,     // (O/16, P, Q, 16)
                           float *scratch) {  // excite_winograd4_scratch_count
    ISA(winograd)(4, c, tile, input, packed, epilogue, output, scratch);
}
