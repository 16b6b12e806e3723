// The register tile of every dense convolution: up to TILE_PIXELS pixels x TILE_BLOCKS blocks of 16 outputs stay in registers while the
// products of all terms are added to them, one term after the other. `pixels` and `blocks` are constants where the functions are inlined;
// all sizes of a tile share one body, so that their rounding is the same.
//
// The pixels of a tile are given by their addresses, so a tile may run over the end of a row: 49 pixels of a 7 x 7 image make nine
// tiles of 5 or 6 and not fourteen of 3 or 4, whose few accumulators would not hide the latency of an addition.
//
// The arithmetic is whoever's who includes this:
//   ISA(sums)                        a register of sums
//   ISA(factor), ISA(broadcast)      a word of a pixel against any weights
//   ISA(weights), ISA(load_weights)  register v of a row of weights
//   ISA(multiply_add)                sums + factor * weights
//   ISA(begin), ISA(end)             where the sums of a tile come from and go to
//   ROW_BYTES                        of a row of weights
//   PIXEL_WORDS                      words of a pixel's block of 16 channels

typedef struct {
    size_t at[TILE_PIXELS];  // where each pixel's terms start in the input, in words
    // The weights that follow this product's are fetched meanwhile, an equal part by each tile: from `ahead`, `lines` cache lines a
    // run. One image reads every weight of the network once, from memory: this took 3 x 3 over 7 x 7 pixels with 512 channels from 83 %
    // of the multiply-add limit to 94 %, and Winograd's F(2x2) from 106 % to 130 % (Zen 3, caches emptied before).
    const char *ahead;
    int32_t lines;
} ISA(pixels);

/// sums[p][b] += one term of pixel p times its weights of block b.
EXCITE_INLINE void ISA(accumulate_term)(int pixels, int blocks, const excite_word *const *inputs, size_t i, const char *weights,
                                        size_t weights_stride, ISA(sums) (*sums)[TILE_BLOCKS][VECTORS]) {
    ISA(weights) w[TILE_BLOCKS][VECTORS];
    UNROLLED for (int b = 0; b < blocks; b++) {
        UNROLLED for (int v = 0; v < VECTORS; v++) w[b][v] = ISA(load_weights)(weights + (size_t)b * weights_stride, v);
    }
    UNROLLED for (int p = 0; p < pixels; p++) {
        const ISA(factor) x = ISA(broadcast)(inputs[p][i]);
        UNROLLED for (int b = 0; b < blocks; b++) {
            UNROLLED for (int v = 0; v < VECTORS; v++) sums[p][b][v] = ISA(multiply_add)(sums[p][b][v], x, w[b][v]);
        }
    }
}

/// sums[p][b] += all terms of pixel p times their weights of block b, `unrolled` of them in a turn of the loop: a divisor of the run.
EXCITE_INLINE void ISA(accumulate)(int pixels, int blocks, size_t unrolled, const ISA(pixels) *tile, const excite_product *product,
                                   ISA(sums) (*sums)[TILE_BLOCKS][VECTORS]) {
    const size_t weights_stride = product->weights_stride, run = product->run;
    const char *weights = product->weights, *ahead = tile->ahead;
    const excite_word *inputs[TILE_PIXELS];
    UNROLLED for (int p = 0; p < pixels; p++) inputs[p] = product->input + tile->at[p];
    for (int32_t plane = 0; plane < product->planes; plane++) {
        for (int32_t row = 0; row < product->kernel_rows; row++) {
            size_t i = (size_t)plane * product->plane_stride + (size_t)row * product->row_stride;
            // Hides from the optimiser where `i` comes from. It would replace the one index by a pointer for each pixel, for which
            // there are too few registers: that took a 1 x 1 convolution from 92 % of the multiply-add limit to 80 % (Zen 3).
            __asm__("" : "+r"(i));
            for (int32_t line = 0; line < tile->lines; line++, ahead += 64) {
                UNROLLED for (int b = 0; b < blocks; b++) __builtin_prefetch(ahead + (size_t)b * weights_stride, 0, 3);
            }
            for (const size_t end = i + run; i < end; i += unrolled) {
                UNROLLED for (size_t u = 0; u < unrolled; u++) {
                    ISA(accumulate_term)(pixels, blocks, inputs, i + u, weights + u * ROW_BYTES, weights_stride, sums);
                }
                weights += unrolled * ROW_BYTES;
            }
        }
    }
}

/// The tile of the pixels from `first` on, from its first sum to its only store.
EXCITE_INLINE void ISA(multiply_tile)(int pixels, int blocks, size_t unrolled, const ISA(pixels) *tile, const excite_product *product,
                                      size_t first) {
    ISA(sums) sums[TILE_PIXELS][TILE_BLOCKS][VECTORS];
    ISA(begin)(pixels, blocks, product->ends, first, sums);
    ISA(accumulate)(pixels, blocks, unrolled, tile, product, sums);
    ISA(end)(pixels, blocks, product->ends, first, sums);
}

/// All pixels for `blocks` blocks of outputs.
EXCITE_INLINE void ISA(multiply_blocks)(int blocks, size_t unrolled, const excite_product *product) {
    const int32_t count = product->lines * product->width, tiles = excite_divide_up(count, TILE_PIXELS);
    const int32_t runs = product->planes * product->kernel_rows, terms = runs * (int32_t)product->run;
    const int32_t lines = terms * (ROW_BYTES / 64), ahead_lines = excite_divide_up(lines, tiles * runs);  // of the next `lines`, a run
    int32_t ahead = 0;
    size_t line = 0, first = 0;
    int32_t x = 0;
    for (int32_t i = 0; i < tiles; i++) {
        // Tiles as equal as can be: a small one at the end would have too few accumulators to hide an addition's latency.
        const int pixels = count / tiles + (i < count % tiles);
        ISA(pixels) tile = {
            .ahead = product->weights + (size_t)blocks * product->weights_stride + (size_t)ahead * 64,
            .lines = ahead < lines ? ahead_lines : 0,
        };
        ahead += runs * ahead_lines;
        if (x == product->width) {
            x = 0;
            line += product->line_stride;
        }
        if (x + TILE_PIXELS <= product->width) {
            // Most tiles lie within a row, and need no look at each pixel.
            UNROLLED for (int p = 0; p < TILE_PIXELS; p++) tile.at[p] = line + (size_t)(x + p) * product->step;
            x += pixels;
        } else {
            UNROLLED for (int p = 0; p < TILE_PIXELS; p++) {
                if (x == product->width) {
                    x = 0;
                    line += product->line_stride;
                }
                tile.at[p] = line + (size_t)x * product->step;
                x += p < pixels;
            }
        }
        switch (pixels) {
        case 1: ISA(multiply_tile)(1, blocks, unrolled, &tile, product, first); break;
        case 2: ISA(multiply_tile)(2, blocks, unrolled, &tile, product, first); break;
#if TILE_PIXELS >= 5
        case 3: ISA(multiply_tile)(3, blocks, unrolled, &tile, product, first); break;
        case 4: ISA(multiply_tile)(4, blocks, unrolled, &tile, product, first); break;
        case 5: ISA(multiply_tile)(5, blocks, unrolled, &tile, product, first); break;
#endif
#if TILE_PIXELS >= 6
        case 6: ISA(multiply_tile)(6, blocks, unrolled, &tile, product, first); break;
#endif
#if TILE_PIXELS >= 8
        case 7: ISA(multiply_tile)(7, blocks, unrolled, &tile, product, first); break;
        case 8: ISA(multiply_tile)(8, blocks, unrolled, &tile, product, first); break;
#endif
        }
        first += (size_t)pixels;
    }
}

/// Blocks of outputs up to TILE_BLOCKS.
EXCITE_INLINE void ISA(multiply)(int32_t blocks, const excite_product *product) {
    assert(blocks > 0 && blocks <= TILE_BLOCKS && product->lines > 0 && product->width > 0);
    // Everything but the stems, whose pixels have fewer words.
    const bool whole = product->run % PIXEL_WORDS == 0;
    switch (blocks) {
    case 1: whole ? ISA(multiply_blocks)(1, PIXEL_WORDS, product) : ISA(multiply_blocks)(1, 1, product); break;
#if TILE_BLOCKS >= 3
    case 2: whole ? ISA(multiply_blocks)(2, PIXEL_WORDS, product) : ISA(multiply_blocks)(2, 1, product); break;
    case 3: whole ? ISA(multiply_blocks)(3, PIXEL_WORDS, product) : ISA(multiply_blocks)(3, 1, product); break;
#endif
    }
}
