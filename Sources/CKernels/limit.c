// What the arithmetic of one core can do at most, for every instruction set: what the other kernels are measured against.

// Keeps a register's value from the optimiser, which would solve the recurrence.
#if defined(__x86_64__)
#define KEEP(register) __asm__ volatile("" : "+v"(register))
#else
#define KEEP(register) __asm__ volatile("" : "+w"(register))
#endif

#define EXCITE_BODY "limit.inc.h"
#include "for_each_isa.h"
