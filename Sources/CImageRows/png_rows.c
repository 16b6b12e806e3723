#include "png_rows.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/// Compressed bytes behind the last row's: deflate makes up to a thousand times as many of them.
enum { SPARE = 16384 };

struct png_rows {
    png_structp png;
    png_infop info;
    const uint8_t *bytes;
    size_t count, at;
    /// Where the chunk of image data begins that claims to go on past the file's end; `count` where none does.
    size_t cut_chunk;
    /// While the last row is read, and the end of the image data: where that must lie before; else 0.
    size_t last;
    bool ran_out;
    enum rows_failure failure;
    char message[128];
    struct rows_limit limit;
    png_uint_32 width, height, next;
    /// Those of the file: of all its passes, where it is interlaced.
    png_uint_32 rows_left;
    /// Of an interlaced image: ((height + 1) / 2, width, 3); else NULL.
    uint8_t *even;
};

static void on_error(png_structp png, png_const_charp message) {
    struct png_rows *decoder = png_get_error_ptr(png);
    decoder->failure = ROWS_DAMAGED;
    strncpy(decoder->message, decoder->ran_out ? "it ends too early" : message, sizeof decoder->message - 1);
    png_longjmp(png, 1);
}

/// Everything that would be a guess is set up as an error; a warning concerns what is not used.
static void on_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void stop(struct png_rows *decoder) {
    decoder->failure = ROWS_STOPPED;
    png_longjmp(decoder->png, 1);
}

static void on_read(png_structp png, png_bytep to, size_t length) {
    struct png_rows *decoder = png_get_io_ptr(png);
    if (rows_must_stop(&decoder->limit)) stop(decoder);
    if (decoder->last && decoder->at > decoder->last) png_error(png, "too much image data");
    const size_t left = decoder->count - decoder->at;
    if (left == 0 && length == 4 && decoder->cut_chunk < decoder->count && !decoder->ran_out) {
        // Instead of the check sum of the chunk that was cut off: nobody looks at it.
        decoder->ran_out = true;
        memset(to, 0, 4);
        return;
    }
    if (length > left) {
        decoder->ran_out = true;
        png_error(png, "it ends too early");
    }
    memcpy(to, decoder->bytes + decoder->at, length);
    if (decoder->at == decoder->cut_chunk) {
        // libpng reads pieces of a chunk, and the last one would go past the end: the chunk is as long as it is.
        png_save_uint_32(to, (png_uint_32)(left - 8));
        png_set_crc_action(png, PNG_CRC_QUIET_USE, PNG_CRC_NO_CHANGE);
    }
    decoder->at += length;
}

struct png_rows *png_rows_create(const uint8_t *bytes, size_t count, size_t cut_chunk) {
    struct png_rows *decoder = calloc(1, sizeof *decoder);
    if (!decoder) return NULL;
    decoder->bytes = bytes;
    decoder->count = count;
    decoder->cut_chunk = cut_chunk;
    decoder->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, decoder, on_error, on_warning);
    decoder->info = decoder->png ? png_create_info_struct(decoder->png) : NULL;
    if (!decoder->info) {
        png_rows_destroy(decoder);
        return NULL;
    }
    return decoder;
}

void png_rows_destroy(struct png_rows *decoder) {
    png_destroy_read_struct(&decoder->png, &decoder->info, NULL);
    free(decoder->even);
    free(decoder);
}

/// Asks for eight-bit RGB, whatever is stored.
static void set_conversions(struct png_rows *decoder) {
    png_structp png = decoder->png;
    const int colour = png_get_color_type(png, decoder->info);
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (colour == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
    if (colour == PNG_COLOR_TYPE_GRAY || colour == PNG_COLOR_TYPE_GRAY_ALPHA) png_set_gray_to_rgb(png);
    png_set_strip_16(png);
    // A palette's transparency would come along as alpha.
    png_set_strip_alpha(png);
}

/// Reads a row of the file: of one of the passes, where there are some.
static void read_row(struct png_rows *decoder, uint8_t *row) {
    if (rows_must_stop(&decoder->limit)) stop(decoder);
    // It may still need as much as it has itself, 8 bytes a pixel.
    if (--decoder->rows_left == 0) decoder->last = decoder->at + 16 * (size_t)decoder->width + SPARE;
    png_read_row(decoder->png, row, NULL);
    decoder->last = 0;
}

static png_uint_32 rows_of_pass(const struct png_rows *decoder, int pass) {
    return PNG_PASS_COLS(decoder->width, pass) ? PNG_PASS_ROWS(decoder->height, pass) : 0;
}

/// Reads the first six of Adam7's seven passes: every second row, from the first on. Libpng gives each pass as a small image of its own.
static bool read_even_rows(struct png_rows *decoder) {
    const size_t row_bytes = 3 * (size_t)decoder->width;
    decoder->even = malloc((row_bytes * (((size_t)decoder->height + 1) / 2)) + row_bytes);
    if (!decoder->even) {
        decoder->failure = ROWS_NO_MEMORY;
        return false;
    }
    // Behind the rows, one of the pass.
    uint8_t *const part = decoder->even + row_bytes * (((size_t)decoder->height + 1) / 2);
    for (int pass = 0; pass < 6; pass++) {
        const png_uint_32 columns = PNG_PASS_COLS(decoder->width, pass);
        const png_uint_32 rows = rows_of_pass(decoder, pass);
        for (png_uint_32 row = 0; row < rows; row++) {
            read_row(decoder, part);
            uint8_t *to = decoder->even + PNG_ROW_FROM_PASS_ROW(row, pass) / 2 * row_bytes;
            for (png_uint_32 column = 0; column < columns; column++) {
                memcpy(to + 3 * (size_t)PNG_COL_FROM_PASS_COL(column, pass), part + 3 * (size_t)column, 3);
            }
        }
    }
    return true;
}

bool png_rows_start(struct png_rows *decoder, struct rows_limit limit) {
    decoder->limit = limit;
    png_structp png = decoder->png;
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_read_fn(png, decoder, on_read);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    // A window that is announced too small is no reason to refuse: zlib's largest holds every image.
    png_set_option(png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
    // All that is known, but IHDR, PLTE, tRNS, IDAT and IEND; and all that is not.
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(png, decoder->info);
    decoder->width = png_get_image_width(png, decoder->info);
    decoder->height = png_get_image_height(png, decoder->info);
    set_conversions(decoder);
    png_read_update_info(png, decoder->info);
    // The caller's rows have this size.
    if (png_get_rowbytes(png, decoder->info) != 3 * (size_t)decoder->width) png_error(png, "the rows have another size");
    if (png_get_interlace_type(png, decoder->info) == PNG_INTERLACE_NONE) {
        decoder->rows_left = decoder->height;
        return true;
    }
    for (int pass = 0; pass < 7; pass++) decoder->rows_left += rows_of_pass(decoder, pass);
    return read_even_rows(decoder);
}

bool png_rows_read(struct png_rows *decoder, uint8_t *row) {
    const size_t row_bytes = 3 * (size_t)decoder->width;
    const png_uint_32 number = decoder->next++;
    if (decoder->even && number % 2 == 0) {
        memcpy(row, decoder->even + number / 2 * row_bytes, row_bytes);
        return true;
    }
    if (setjmp(png_jmpbuf(decoder->png))) return false;
    read_row(decoder, row);
    return true;
}

bool png_rows_finish(struct png_rows *decoder, int64_t *left) {
    if (setjmp(png_jmpbuf(decoder->png))) {
        *left = -1;
        return decoder->ran_out;
    }
    png_read_end(decoder->png, NULL);
    *left = (int64_t)(decoder->count - decoder->at);
    return true;
}

enum rows_failure png_rows_failure(const struct png_rows *decoder) { return decoder->failure; }
const char *png_rows_message(const struct png_rows *decoder) { return decoder->message; }

uint8_t *png_encode_rgb(const uint8_t *pixels, int width, int height, size_t *count) {
    png_image image = {.version = PNG_IMAGE_VERSION, .width = (png_uint_32)width, .height = (png_uint_32)height, .format = PNG_FORMAT_RGB};
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    uint8_t *file = malloc(size);
    if (file && !png_image_write_to_memory(&image, file, &size, 0, pixels, 0, NULL)) {
        free(file);
        return NULL;
    }
    *count = size;
    return file;
}
