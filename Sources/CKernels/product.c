// The register tile of the dense convolutions for every instruction set.
#include "product.h"

#define EXCITE_BODY "product.inc.h"
#include "for_each_isa.h"
