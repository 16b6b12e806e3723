// Blur pooling for every instruction set.
#define EXCITE_BODY "blur.inc.h"
#include "for_each_isa.h"
