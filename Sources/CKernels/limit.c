// What the arithmetic of one core can do at most, for every instruction set: what the other kernels are measured against.

#define EXCITE_BODY "limit.inc.h"
#include "for_each_isa.h"
