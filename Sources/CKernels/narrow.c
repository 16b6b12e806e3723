// What is not a convolution, over elements of any kind, and what is computed in float32 between uint8 values: for every instruction set.
// Nothing here is contracted, and sums have one order, so that an answer in uint8 has the same bits everywhere.
#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define EXCITE_BODY "narrow.inc.h"
#include "for_each_isa.h"
