// Convolutions in 8-bit integers and in bfloat16 for every instruction set that has a way to compute them.
#include <math.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "dot.h"

#include "for_each_dot.h"
