// The product of matrices in float32 for every instruction set.
#include "product.h"

#define EXCITE_BODY "float.inc.h"
#include "for_each_isa.h"
