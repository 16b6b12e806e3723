// A factor, a shift and an activation a channel (batch norm and activations that follow no convolution) for every instruction set.
#include <stddef.h>

#define EXCITE_BODY "affine.inc.h"
#include "for_each_isa.h"
