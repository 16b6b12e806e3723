// JPEG by rows, over libjpeg-turbo. C, because libjpeg reports an error by calling a function that must not return: only setjmp and longjmp
// can leave it, and Swift can express neither. Every jump begins and ends within one function of jpeg_rows.c.
//
// Any warning of the library means that it guessed, and is a failure here, but for those that Pillow is right to pass over: see
// `jpeg_rows_note`. A failed decoder may only be asked for its failure and its message, and destroyed.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rows.h"

struct jpeg_rows;

/// NULL for want of memory. `bytes` are read until the decoder is destroyed.
struct jpeg_rows *jpeg_rows_create(const uint8_t *bytes, size_t count);
void jpeg_rows_destroy(struct jpeg_rows *decoder);

/// Reads all up to the first scan; takes no memory for the image.
bool jpeg_rows_read_header(struct jpeg_rows *decoder);

/// As stored, in pixels. All of these are known once the header is read.
int jpeg_rows_width(const struct jpeg_rows *decoder);
int jpeg_rows_height(const struct jpeg_rows *decoder);

enum jpeg_rows_colour { JPEG_ROWS_GRAY, JPEG_ROWS_RGB, JPEG_ROWS_CMYK, JPEG_ROWS_UNKNOWN };
/// How the file stores colour; YCbCr counts as RGB and YCCK as CMYK.
enum jpeg_rows_colour jpeg_rows_colour(const struct jpeg_rows *decoder);

/// Bytes that are held for the whole image at once: the coefficients, where several scans make it up.
int64_t jpeg_rows_held_bytes(const struct jpeg_rows *decoder);

/// Sets the scale to `eighths` / 8, from 1 to 8, and tells the size that the rows then have.
bool jpeg_rows_set_scale(struct jpeg_rows *decoder, int eighths, int *width, int *height);

/// Takes memory and, where there are several scans, decodes all of them. This and what follows ends early at the limit.
bool jpeg_rows_start(struct jpeg_rows *decoder, struct rows_limit limit);

/// Writes the next `count` rows: (count, width, 3) red, green, blue; or (count, width, 4) for JPEG_ROWS_CMYK, as stored.
bool jpeg_rows_read(struct jpeg_rows *decoder, uint8_t *rows, int count);

/// After the last row: reads the end of the file. `left` are the bytes behind the end marker.
bool jpeg_rows_finish(struct jpeg_rows *decoder, size_t *left);

/// What was passed over, from 0 on; NULL behind the last. Mostly in libjpeg's words.
const char *jpeg_rows_note(const struct jpeg_rows *decoder, int index);

enum rows_failure jpeg_rows_failure(const struct jpeg_rows *decoder);
/// libjpeg's words.
const char *jpeg_rows_message(const struct jpeg_rows *decoder);
