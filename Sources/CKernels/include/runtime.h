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

/// Gives freed memory back to the system. glibc keeps freed blocks of a few MiB for the process otherwise.
static inline void excite_release_freed_memory(void) {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}
