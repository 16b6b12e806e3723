// Max and average pooling for every instruction set.
#define EXCITE_BODY "pool.inc.h"
#include "for_each_isa.h"
