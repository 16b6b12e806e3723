#include "jpeg_rows.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
// The warnings' numbers; jpeglib.h comes first.
#include <jerror.h>

enum { NOTES = 4 };

struct jpeg_rows {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    /// Where the function of ours that called the library gives up.
    jmp_buf escape;
    enum rows_failure failure;
    char message[JMSG_LENGTH_MAX];
    struct rows_limit limit;
    /// How far coded data have been looked at for bytes that fill up; NULL before the first scan. See `is_stray`.
    const uint8_t *looked_at;
    /// Such bytes that were found.
    int fill;
    char notes[NOTES][JMSG_LENGTH_MAX];
    int note_count;
};

static struct jpeg_rows *owner(j_common_ptr info) { return info->client_data; }

static void fail(j_common_ptr info, enum rows_failure failure) {
    struct jpeg_rows *decoder = owner(info);
    decoder->failure = failure;
    info->err->format_message(info, decoder->message);
    longjmp(decoder->escape, 1);
}

static void on_error(j_common_ptr info) {
    fail(info, info->err->msg_code == JERR_OUT_OF_MEMORY ? ROWS_NO_MEMORY : ROWS_DAMAGED);
}

/// Whether a warning concerns no pixel, as Pillow finds, too. A missing end marker is none of these: nobody can tell what else is missing,
/// and Pillow refuses the file as well.
static bool is_harmless(int code) {
    switch (code) {
        case JWRN_JFIF_MAJOR:      // a version number from the future
        case JWRN_NOT_SEQUENTIAL:  // a baseline scan with the parameters of a progressive one
        case JWRN_ADOBE_XFORM:     // a number for the colour transform that nobody has defined: it is YCbCr
            return true;
        default: return false;
    }
}

/// Whether `count` bytes that libjpeg skipped to find a marker are no part of the image, `end` being where they end.
///
/// Between the tables they never are. Behind coded data they may be the only sign of damage, after which the decoder lost its place and was
/// done too early: so there they must be bytes that fill up, 0x00 and 0xFF, with which entropy-coded data seldom end (T.81, F.1.2.3: the last
/// byte is padded with ones). libjpeg counts what lies before one restart marker as if it lay before a later one: so all that was found before
/// any marker is for any to take.
static bool is_stray(struct jpeg_rows *decoder, const uint8_t *end, int count) {
    if (!decoder->looked_at) return true;
    int run = 0;
    for (; decoder->looked_at < end; decoder->looked_at++) {
        const uint8_t byte = *decoder->looked_at;
        if (byte == 0x00 || byte == 0xFF) {
            run++;
        } else {
            // Without the first byte of the marker itself.
            if (byte >= 0xD0 && byte <= 0xD7 && run > 0 && decoder->looked_at[-1] == 0xFF) decoder->fill += run - 1;
            run = 0;
        }
    }
    decoder->fill += run;
    if (decoder->fill < count) return false;
    decoder->fill -= count;
    return true;
}

/// Levels below 0 are warnings; the others tell what goes on.
static void on_message(j_common_ptr info, int level) {
    if (level >= 0) return;
    struct jpeg_rows *decoder = owner(info);
    const int code = info->err->msg_code, count = info->err->msg_parm.i[0];
    const bool stray = code == JWRN_EXTRANEOUS_DATA && is_stray(decoder, decoder->info.src->next_input_byte, count);
    if (!stray && !is_harmless(code)) fail(info, ROWS_DAMAGED);
    if (decoder->note_count == NOTES) return;
    char *note = decoder->notes[decoder->note_count++];
    if (stray) {
        // Not how many: some of them libjpeg passes over unnoticed.
        strcpy(note, "stray bytes before a marker were passed over");
    } else {
        info->err->format_message(info, note);
    }
}

/// libjpeg calls it for every row of blocks of every scan, and for every strip of rows that it gives.
static void on_progress(j_common_ptr info) {
    if (rows_must_stop(&owner(info)->limit)) fail(info, ROWS_STOPPED);
}

struct jpeg_rows *jpeg_rows_create(const uint8_t *bytes, size_t count) {
    struct jpeg_rows *decoder = calloc(1, sizeof *decoder);
    if (!decoder) return NULL;
    decoder->info.err = jpeg_std_error(&decoder->errors);
    decoder->errors.error_exit = on_error;
    decoder->errors.emit_message = on_message;
    decoder->info.client_data = decoder;
    if (setjmp(decoder->escape)) {
        jpeg_rows_destroy(decoder);
        return NULL;
    }
    jpeg_create_decompress(&decoder->info);
    jpeg_mem_src(&decoder->info, bytes, count);
    return decoder;
}

void jpeg_rows_destroy(struct jpeg_rows *decoder) {
    jpeg_destroy_decompress(&decoder->info);
    free(decoder);
}

bool jpeg_rows_read_header(struct jpeg_rows *decoder) {
    if (setjmp(decoder->escape)) return false;
    jpeg_read_header(&decoder->info, TRUE);
    decoder->looked_at = decoder->info.src->next_input_byte;
    return true;
}

int jpeg_rows_width(const struct jpeg_rows *decoder) { return (int)decoder->info.image_width; }
int jpeg_rows_height(const struct jpeg_rows *decoder) { return (int)decoder->info.image_height; }

enum jpeg_rows_colour jpeg_rows_colour(const struct jpeg_rows *decoder) {
    switch (decoder->info.jpeg_color_space) {
        case JCS_GRAYSCALE: return JPEG_ROWS_GRAY;
        case JCS_RGB:
        case JCS_YCbCr: return JPEG_ROWS_RGB;
        case JCS_CMYK:
        case JCS_YCCK: return JPEG_ROWS_CMYK;
        default: return JPEG_ROWS_UNKNOWN;
    }
}

int64_t jpeg_rows_held_bytes(const struct jpeg_rows *decoder) {
    const struct jpeg_decompress_struct *info = &decoder->info;
    if (!jpeg_has_multiple_scans((j_decompress_ptr)info)) return 0;
    int64_t blocks = 0;
    for (int index = 0; index < info->num_components; index++) {
        const jpeg_component_info *component = &info->comp_info[index];
        blocks += (int64_t)component->width_in_blocks * component->height_in_blocks;
    }
    return blocks * (int64_t)sizeof(JBLOCK);
}

bool jpeg_rows_set_scale(struct jpeg_rows *decoder, int eighths, int *width, int *height) {
    if (setjmp(decoder->escape)) return false;
    decoder->info.scale_num = (unsigned)eighths;
    decoder->info.scale_denom = 8;
    jpeg_calc_output_dimensions(&decoder->info);
    *width = (int)decoder->info.output_width;
    *height = (int)decoder->info.output_height;
    return true;
}

bool jpeg_rows_start(struct jpeg_rows *decoder, struct rows_limit limit) {
    if (setjmp(decoder->escape)) return false;
    decoder->limit = limit;
    decoder->progress.progress_monitor = on_progress;
    decoder->info.progress = &decoder->progress;
    // The rest is libjpeg's default, and Pillow's: accurate integer DCT, smooth chroma upsampling.
    decoder->info.out_color_space = jpeg_rows_colour(decoder) == JPEG_ROWS_CMYK ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&decoder->info);
    return true;
}

bool jpeg_rows_read(struct jpeg_rows *decoder, uint8_t *rows, int count) {
    if (setjmp(decoder->escape)) return false;
    const size_t row_bytes = (size_t)decoder->info.output_width * (size_t)decoder->info.output_components;
    for (int next = 0; next < count;) {
        JSAMPROW strip[8];
        int wanted = 0;
        for (; wanted < 8 && next + wanted < count; wanted++) strip[wanted] = rows + (size_t)(next + wanted) * row_bytes;
        // It gives fewer at the end of a row of blocks; a source in memory never makes it wait, so one at least comes of every call.
        next += (int)jpeg_read_scanlines(&decoder->info, strip, (JDIMENSION)wanted);
    }
    return true;
}

bool jpeg_rows_finish(struct jpeg_rows *decoder, size_t *left) {
    if (setjmp(decoder->escape)) return false;
    jpeg_finish_decompress(&decoder->info);
    *left = decoder->info.src->bytes_in_buffer;
    return true;
}

const char *jpeg_rows_note(const struct jpeg_rows *decoder, int index) {
    return index < decoder->note_count ? decoder->notes[index] : NULL;
}

enum rows_failure jpeg_rows_failure(const struct jpeg_rows *decoder) { return decoder->failure; }
const char *jpeg_rows_message(const struct jpeg_rows *decoder) { return decoder->message; }
