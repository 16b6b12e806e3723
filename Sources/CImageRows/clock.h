#pragma once
#include <stdint.h>
#include <time.h>

/// Nanoseconds on a clock that never goes back.
static inline int64_t rows_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
