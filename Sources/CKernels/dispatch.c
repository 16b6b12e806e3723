// Which kernels this processor can run.
#include <string.h>

#include "convolution.h"

#define EXCITE_BODY "table.inc.h"
#include "for_each_isa.h"

/// Fastest first. A processor that can run one of them can run all that follow.
#if defined(__x86_64__)
static const excite_kernels *const tables[] = {&kernels_avx512, &kernels_avx2, &kernels_portable};
static const char *const names[] = {"avx512", "avx2", "portable", NULL};
#else
static const excite_kernels *const tables[] = {&kernels_portable};
static const char *const names[] = {"portable", NULL};
#endif

enum { table_count = sizeof tables / sizeof *tables };

/// Index of the fastest table that this processor can run.
static int fastest(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 2;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512bw")
        || !__builtin_cpu_supports("avx512vl")) {
        return 1;
    }
#endif
    return 0;
}

const excite_kernels *excite_kernels_named(const char *name) {
    for (int i = fastest(); i < table_count; i++) {
        if (strcmp(names[i], name) == 0) return tables[i];
    }
    return NULL;
}

const char *const *excite_kernels_available(void) { return names + fastest(); }
