// Which kernels this processor can run.
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "convolution.h"

// What the table is made of: the kernels of every base, and the dot products of every instruction set.
#define EXCITE_BODY "declarations.inc.h"
#include "for_each_isa.h"

/// The table of an instruction set: its kernels in float32 are those of `floats`, its dot products `dots` and `dots16`.
#define TABLE(title, floats, dots, dots16)                                                                                               \
    {                                                                                                                                    \
        .name = title, .base = #floats,                                                                                                   \
        .direct = {excite_direct_packed_count, excite_direct_pack, excite_direct_scratch_count, excite_direct_##floats},                   \
        .grouped = {excite_grouped_packed_count, excite_grouped_pack, excite_grouped_scratch_count, excite_grouped_##floats},              \
        .winograd2 = {excite_winograd2_packed_count, excite_winograd2_pack, excite_winograd2_scratch_count_##floats,                       \
                      excite_winograd2_##floats},                                                                                          \
        .winograd4 = {excite_winograd4_packed_count, excite_winograd4_pack, excite_winograd4_scratch_count_##floats,                       \
                      excite_winograd4_##floats},                                                                                          \
        .pool = excite_pool_##floats, .blur = excite_blur_##floats, .max_pixels = excite_max_pixels_##floats,                                  \
        .sum_pixels = excite_sum_pixels_##floats, .mean = excite_mean_##floats, .linear = excite_linear_##floats,                              \
        .scale = excite_scale_##floats, .affine = excite_affine_##floats, .multiply_adds = excite_multiply_adds_##floats,                      \
        .map = excite_map_##floats, .interleave = excite_interleave_pixels_##floats, .gate = excite_gate_##floats,                             \
        .pool_narrow = excite_pool_narrow_##floats, .blur_narrow = excite_blur_narrow_##floats, .reduce = excite_reduce_##floats,              \
        .scaled_sums = excite_scaled_sums_##floats, .exact_linear = excite_exact_linear_##floats, .uint8 = dots, .bfloat16 = dots16,         \
    }

/// Fastest first.
static const excite_kernels tables[] = {
#if defined(__x86_64__)
    TABLE("avx512bf16", avx512, &excite_dot_kernels_uint8_avx512vnni, &excite_dot_kernels_bfloat16_avx512bf16),
    TABLE("avx512vnni", avx512, &excite_dot_kernels_uint8_avx512vnni, NULL),
    TABLE("avx512", avx512, &excite_dot_kernels_uint8_avx512, NULL),
    TABLE("avx2vnni", avx2, &excite_dot_kernels_uint8_avx2vnni, NULL),
    TABLE("avx2", avx2, &excite_dot_kernels_uint8_avx2, NULL),
#elif defined(__aarch64__)
    TABLE("bf16", portable, &excite_dot_kernels_uint8_dotprod, &excite_dot_kernels_bfloat16_bf16),
    TABLE("dotprod", portable, &excite_dot_kernels_uint8_dotprod, NULL),
#endif
    TABLE("portable", portable, &excite_dot_kernels_uint8_portable, &excite_dot_kernels_bfloat16_portable),
};

enum { table_count = sizeof tables / sizeof *tables };

/// Whether this processor can run the table's kernels.
static bool is_available(const char *name) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
    if (strcmp(name, "avx512bf16") == 0) return vnni && __builtin_cpu_supports("avx512bf16");
    if (strcmp(name, "avx512vnni") == 0) return vnni;
    if (strcmp(name, "avx512") == 0) return avx512;
    if (strcmp(name, "avx2vnni") == 0) return avx2 && __builtin_cpu_supports("avxvnni");
    if (strcmp(name, "avx2") == 0) return avx2;
#elif defined(__aarch64__)
    const bool dotprod = getauxval(AT_HWCAP) & (1UL << 20);  // HWCAP_ASIMDDP
    if (strcmp(name, "bf16") == 0) return dotprod && (getauxval(AT_HWCAP2) & (1UL << 14));  // HWCAP2_BF16
    if (strcmp(name, "dotprod") == 0) return dotprod;
#endif
    return true;
}

const excite_kernels *excite_kernels_at(int32_t index) {
    for (int i = 0; index >= 0 && i < table_count; i++) {
        if (is_available(tables[i].name) && index-- == 0) return &tables[i];
    }
    return NULL;
}
