// What a thread does while it spins.
#pragma once

/// Tells the CPU that this thread is waiting in a loop.
static inline void excite_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
