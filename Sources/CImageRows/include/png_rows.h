// PNG by rows, over libpng. C for the same reason as jpeg_rows.h: libpng leaves by longjmp, too.
//
// Chunks that concern no pixel are skipped unread; a chunk whose check sum fails is a failure all the same. A failed decoder may only be
// asked for its failure and its message, and destroyed.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rows.h"

struct png_rows;

/// NULL for want of memory. `bytes` are read until the decoder is destroyed. `cut_chunk` is where a chunk of image data begins that claims to
/// go on past the file's end, `count` where there is none: its rows may be whole all the same.
struct png_rows *png_rows_create(const uint8_t *bytes, size_t count, size_t cut_chunk);
void png_rows_destroy(struct png_rows *decoder);

/// Reads all up to the first pixel and, where the file is interlaced, what makes up the even rows: those are kept, 3 bytes a pixel, and the
/// odd ones are the file's last pass. This and what follows ends early at the limit.
bool png_rows_start(struct png_rows *decoder, struct rows_limit limit);

/// Writes the next row, (width, 3): gray repeated, palettes looked up, alpha dropped, of 16 bits the upper 8.
bool png_rows_read(struct png_rows *decoder, uint8_t *row);

/// After the last row: reads the end of the file. `left` are the bytes behind its end chunk, -1 where that chunk is missing.
bool png_rows_finish(struct png_rows *decoder, int64_t *left);

enum rows_failure png_rows_failure(const struct png_rows *decoder);
/// libpng's words.
const char *png_rows_message(const struct png_rows *decoder);

/// Makes a PNG file of (height, width, 3) samples: NULL if that fails. The caller frees it.
uint8_t *png_encode_rgb(const uint8_t *pixels, int width, int height, size_t *count);
