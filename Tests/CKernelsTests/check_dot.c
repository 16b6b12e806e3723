// Holds the kernels over elements against their oracles where there is no Swift, such as another architecture under an emulator:
//
//   clang --target=aarch64-linux-gnu -isystem /usr/aarch64-linux-gnu/include -O2 -fuse-ld=lld -static -ISources/CKernels/include \
//       Sources/CKernels/*.c Tests/CKernelsTests/check_dot.c -lm -o check_dot
//   qemu-aarch64 -cpu max check_dot
//
// (Debian: gcc-aarch64-linux-gnu, qemu-user.) Prints one line for each instruction set and a checksum of all its uint8 answers, which is
// the same everywhere; exits with 1 if anything differs.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"
#include "reference.h"

// The same inputs everywhere.
#pragma clang fp contract(off)

static uint64_t state = 1;

static uint32_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static float uniform(void) { return (float)(next() >> 8) / (1 << 23) - 1; }

static int failures;
static uint64_t checksum;

static void expect(bool holds, const char *what, const excite_convolution *c) {
    if (holds) return;
    failures++;
    if (!c) printf("%s: differs\n", what);
    else printf("%s: %d to %d channels, %d x %d, kernel %d, stride %d, padding %d, %d groups: differs\n", what, c->channels, c->outputs,
                c->height, c->width, c->kernel_height, c->stride, c->padding, c->groups);
}

static void *allocated(size_t bytes) {
    void *memory = aligned_alloc(64, (bytes + 127) / 64 * 64);
    memset(memory, 0xff, (bytes + 127) / 64 * 64);
    return memory;
}

static size_t size_of(excite_element element) { return element == excite_uint8 ? 1 : element == excite_bfloat16 ? 2 : 4; }

static void add_to_checksum(const void *data, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) checksum = (checksum ^ ((const uint8_t *)data)[i]) * 0x100000001b3;
}

static void *random_elements(excite_element element, size_t count) {
    uint8_t *data = allocated(count * size_of(element));
    for (size_t i = 0; i < count; i++) {
        const float x = uniform();
        uint32_t bits;
        memcpy(&bits, &x, sizeof bits);
        const uint16_t half = (uint16_t)(bits >> 16);
        if (element == excite_uint8) data[i] = (uint8_t)next();
        else if (element == excite_bfloat16) memcpy(data + 2 * i, &half, sizeof half);
        else memcpy(data + 4 * i, &x, sizeof x);
    }
    return data;
}

/// Numbers for `count` channels around `middle`, zero for the others of their block.
static float *per_channel(int32_t count, float middle, float spread) {
    const int32_t padded = (count + 15) / 16 * 16;
    float *numbers = allocated((size_t)padded * sizeof *numbers);
    for (int32_t i = 0; i < padded; i++) numbers[i] = i < count ? middle + spread * uniform() : 0;
    return numbers;
}

static void check_dot(const char *name, const excite_dot_kernels *kernels, excite_element element, const excite_convolution *c, bool ends,
                      bool corner) {
    const int32_t blocks = (c->outputs + 15) / 16, terms = c->channels / c->groups * c->kernel_height * c->kernel_width;
    const size_t inputs = (size_t)(c->planar_input ? 4 : (c->channels + 15) / 16 * 16) * (size_t)(c->height * c->width);
    const size_t outputs = (size_t)(blocks * 16 * c->output_height * c->output_width), weight_count = (size_t)(c->outputs * terms);
    uint8_t *input = random_elements(element, inputs);
    void *weights = random_elements(element == excite_uint8 ? excite_uint8 : excite_float32, weight_count);
    if (corner && element == excite_uint8) {
        memset(input, 255, inputs);
        memset(weights, 0x80, weight_count);
    }
    float *multiplier = per_channel(c->outputs, 1.5f / (64 * sqrtf((float)terms)), 1.0f / (64 * sqrtf((float)terms)));
    float *bias = per_channel(c->outputs, element == excite_uint8 ? 100 : 0, element == excite_uint8 ? 90 : 1);
    float *residual_multiplier = per_channel(c->outputs, 0, 1);
    float *sums = allocated((size_t)blocks * 64), *expected_sums = allocated((size_t)blocks * 64);
    void *residual = random_elements(element, outputs), *packed = allocated(kernels->packed_bytes(c));
    void *scratch = allocated(kernels->scratch_bytes(c, c->output_height));
    float *output = allocated(outputs * 4), *expected = allocated(outputs * 4);
    const uint32_t border = element == excite_uint8 ? 0x8005ff33 : 0x3f40bf80;
    excite_dot_epilogue e = {multiplier, bias, ends ? residual : NULL, ends ? residual_multiplier : NULL, expected_sums,
                             ends ? 0 : -INFINITY, element};
    if (element == excite_bfloat16) e.element = excite_float32;
    const size_t bytes = outputs * size_of(e.element);

    kernels->pack(c, 0, blocks, weights, packed);
    excite_reference_dot(element, c, border, input, weights, &e, expected);
    e.sums = sums;
    excite_tile tile = {0, c->output_height, 0, blocks};
    kernels->run(c, &tile, border, input, packed, &e, output, scratch);
    if (element == excite_uint8) {
        expect(memcmp(output, expected, bytes) == 0 && memcmp(sums, expected_sums, (size_t)blocks * 64) == 0, name, c);
        add_to_checksum(output, bytes);
        add_to_checksum(sums, (size_t)blocks * 64);
    } else {
        float largest = 0;
        for (size_t i = 0; i < outputs; i++) {
            const float difference = fabsf(output[i] - expected[i]);
            if (!(difference <= largest)) largest = difference;
        }
        expect(largest <= 2.4e-7f * (float)terms + 4e-6f, name, c);
    }
    memcpy(expected, output, bytes);
    memset(output, 0xff, bytes);
    for (tile.row = 0; tile.row < c->output_height; tile.row++) {
        for (tile.block = 0; tile.block < blocks; tile.block++) {
            tile.rows = tile.blocks = 1;
            kernels->run(c, &tile, border, input, packed, &e, output, scratch);
        }
    }
    expect(memcmp(output, expected, bytes) == 0, name, c);
    void *const all[] = {input, weights, multiplier, bias, residual_multiplier, sums, expected_sums, residual, packed, scratch, output,
                         expected};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static void check_convolutions(const char *name, const excite_dot_kernels *kernels, excite_element element) {
    // C, H, W, O, kernel, stride, padding, G
    static const int32_t shapes[][8] = {
        {64, 7, 7, 64, 1, 1, 0, 1},    {20, 1, 3, 35, 1, 1, 0, 1},    {48, 9, 8, 32, 1, 2, 0, 1},   {32, 7, 7, 33, 3, 1, 1, 1},
        {32, 8, 7, 64, 3, 2, 1, 1},    {17, 8, 8, 18, 5, 3, 2, 1},    {16, 7, 9, 64, 2, 1, 1, 1},   {512, 3, 3, 64, 3, 1, 1, 1},
        {64, 5, 7, 64, 3, 1, 1, 4},    {64, 5, 7, 128, 3, 2, 1, 2},   {64, 4, 4, 96, 1, 1, 0, 2},   {32, 7, 7, 32, 3, 1, 1, 8},
        {20, 6, 15, 20, 3, 2, 1, 5},   {32, 4, 31, 32, 3, 1, 1, 4},   {24, 9, 17, 24, 3, 2, 1, 3},  {16, 8, 9, 16, 3, 3, 1, 4},
        {3, 23, 21, 64, 7, 2, 3, 1},   {1, 9, 12, 33, 5, 2, 2, 1},    {4, 6, 6, 16, 2, 1, 0, 1},    {2, 9, 9, 20, 3, 1, 1, 1},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const int32_t *s = shapes[i];
        excite_convolution c = {.channels = s[0], .height = s[1], .width = s[2], .outputs = s[3], .kernel_height = s[4],
                                .kernel_width = s[4], .stride = s[5], .padding = s[6], .groups = s[7], .planar_input = s[0] <= 4};
        c.output_height = (c.height + 2 * c.padding - s[4]) / c.stride + 1;
        c.output_width = (c.width + 2 * c.padding - s[4]) / c.stride + 1;
        for (int variant = 0; variant < 4; variant++) check_dot(name, kernels, element, &c, variant & 1, variant & 2);
    }
}

static void check_elements(const excite_kernels *k, excite_element element) {
    enum { channels = 32, pixels = 7 * 7, count = channels * pixels };
    void *input = random_elements(element, count), *shortcut = random_elements(element, count);
    const bool codes = element == excite_uint8;
    float *a = per_channel(channels, 0, codes ? 0.02f : 1), *b = per_channel(channels, 0, 1), *d = per_channel(channels, 0, codes ? 90 : 1);
    float *e = per_channel(channels, codes ? 128 : 0, 1), *output = allocated(count * 4), *expected = allocated(count * 4);
    const size_t bytes = count * size_of(element);
    for (int32_t activation = excite_activation_none; activation <= (int32_t)excite_activation_silu; activation++) {
        const excite_mapping m = {element, element, a, b, d, e, (excite_activation)activation};
        excite_reference_map(&m, pixels, 2, input, expected);
        k->map(&m, pixels, 0, 2, input, output);
        // The oracle's exponentials are other ones: only the checksum is the same everywhere.
        if (activation <= (int32_t)excite_activation_relu) expect(memcmp(output, expected, bytes) == 0, "map", NULL);
        if (codes) add_to_checksum(output, bytes);
    }
    const excite_gating g = {.gate = b, .factor = d, .zero = e, .shift = e, .shortcut = shortcut, .shortcut_factor = b, .low = 0};
    excite_reference_gate(element, &g, pixels, 2, input, expected);
    k->gate(element, &g, pixels, 0, 2, input, output);
    expect(memcmp(output, expected, bytes) == 0, "gate", NULL);

    const excite_tile tile = {0, 4, 0, 2};
    for (int variant = 0; variant < 3; variant++) {
        const excite_pooling p = {channels, 7, 7, 4, 4, 3, 2, 1, variant > 0, variant > 1};
        excite_reference_pool_narrow(element, &p, e, input, expected);
        k->pool_narrow(element, &p, e, &tile, input, output);
        expect(memcmp(output, expected, 32 * 16 * size_of(element)) == 0, "pool", NULL);
        const excite_blurring blur = {channels, 7, 7, 4, 4, 2, variant & 1};
        excite_reference_blur_narrow(element, &blur, e, input, expected);
        k->blur_narrow(element, &blur, e, &tile, input, output);
        expect(memcmp(output, expected, 32 * 16 * size_of(element)) == 0, "blur", NULL);
        excite_reference_reduce(element, variant & 1, input, pixels, 2, expected);
        k->reduce(element, variant & 1, input, pixels, 0, 2, output);
        expect(memcmp(output, expected, channels * 4) == 0, "reduce", NULL);
    }
    if (element != excite_float32) {
        float *image = random_elements(excite_float32, 3 * pixels);
        excite_reference_interleave(element, d, e, 3, pixels, image, expected);
        k->interleave(element, d, e, 3, pixels, image, output);
        expect(memcmp(output, expected, 4 * pixels * size_of(element)) == 0, "interleave", NULL);
        free(image);
    }
    void *const all[] = {input, shortcut, a, b, d, e, output, expected};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static void check_layers(const excite_kernels *k) {
    float *input = per_channel(67, 0, 1), *weights = per_channel(32 * 67, 0, 1), *bias = per_channel(32, 0, 1);
    void *packed = allocated(32 * 67 * 2);
    float *output = allocated(32 * 4), *expected = allocated(32 * 4);
    for (int32_t i = 0; i < 32 * 67; i++) {
        const uint32_t bits = (uint32_t)excite_nearest_bfloat16(weights[i]) << 16;
        memcpy(&weights[i], &bits, sizeof bits);
    }
    excite_pack_linear(excite_bfloat16, 32, 67, weights, packed);
    for (int32_t activation = excite_activation_none; activation <= (int32_t)excite_activation_silu; activation++) {
        excite_reference_exact_linear(32, 67, input, weights, bias, (excite_activation)activation, expected);
        k->exact_linear(input, 67, packed, bias, (excite_activation)activation, 0, 2, output);
        if (activation <= (int32_t)excite_activation_relu) expect(memcmp(output, expected, 32 * 4) == 0, "linear", NULL);
        add_to_checksum(output, 32 * 4);
    }
    excite_reference_scaled_sums(weights, 67, bias, input, 32, expected);
    k->scaled_sums(weights, 67, bias, input, 32, output);
    expect(memcmp(output, expected, 32 * 4) == 0, "scaled sums", NULL);
    void *const all[] = {input, weights, bias, packed, output, expected};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

int main(void) {
    const excite_kernels *k;
    for (int32_t i = 0; (k = excite_kernels_at(i)); i++) {
        const int before = failures;
        state = 88172645463325252;
        checksum = 0xcbf29ce484222325;
        check_convolutions(k->name, k->uint8, excite_uint8);
        for (int element = 0; element < 3; element++) check_elements(k, (excite_element)element);
        check_layers(k);
        if (k->bfloat16) check_convolutions(k->name, k->bfloat16, excite_bfloat16);
        printf("%s: %d differ, uint8 %016llx%s\n", k->name, failures - before, (unsigned long long)checksum, k->bfloat16 ? ", bfloat16" : "");
    }
    return failures > 0;
}
