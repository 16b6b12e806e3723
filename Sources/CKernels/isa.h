// The words of a source that is compiled for several instruction sets:
//   ISA(name)  the name with the instruction set as its suffix: every function and type of a body is named so
//   ISA_NAME   the instruction set as a string
//   LANES      floats in a register
//   VECTORS    registers in a block of 16 channels
//   vec        a register of floats; it may alias floats, and loads and stores through it need its alignment
//   UNROLLED   in front of a loop over a constant number of registers: without it an array of registers may stay in memory
// ISA_SUFFIX, LANES and the type are whoever's who includes a body.
#pragma once

#define EXCITE_JOIN_(name, suffix) name##_##suffix
#define EXCITE_JOIN(name, suffix) EXCITE_JOIN_(name, suffix)
#define EXCITE_STRING_(name) #name
#define EXCITE_STRING(name) EXCITE_STRING_(name)
#define ISA(name) EXCITE_JOIN(name, ISA_SUFFIX)
#define ISA_NAME EXCITE_STRING(ISA_SUFFIX)
#define VECTORS (16 / LANES)
#define UNROLLED _Pragma("clang loop unroll(full)")
#define vec ISA(vec)

// Keeps a register's value from the optimiser, which would solve the recurrence.
#if defined(__x86_64__)
#define KEEP(register) __asm__ volatile("" : "+v"(register))
#else
#define KEEP(register) __asm__ volatile("" : "+w"(register))
#endif
