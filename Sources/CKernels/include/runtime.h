// What the engine needs of the machine and Swift does not import.
#pragma once
#include <malloc.h>

/// Tells the CPU that this thread is waiting in a loop.
static inline void excite_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/// From now on freed blocks of a MiB and more go back to the system. glibc otherwise raises its threshold to 32 MiB as it sees such blocks
/// freed, and what was folded, or a large photograph, stays in the heap of the thread that used it.
static inline void excite_return_large_blocks(void) {
#if defined(__GLIBC__)
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}
