// Compiles the file that EXCITE_BODY names once for each instruction set, fastest first. No include guard: every kernel family
// includes it. The flags are attributes of the functions, so one object file holds them all and the build needs no flags of its own.
//
// A body may use the words of isa.h, the kernels that declarations.inc.h declares, and the sizes of the convolutions' register tile (see
// product.inc.h): TILE_PIXELS, TILE_BLOCKS.

#include "isa.h"
#include "product.h"

// The undefined-behaviour sanitizer of `make fuzz`, whose inputs never come here, made clang take minutes for a file.
#pragma clang attribute push(__attribute__((no_sanitize("undefined"))), apply_to = function)

#if defined(__x86_64__)

// 24 accumulators, 3 registers of weights and a broadcast one: 28 of the 32 registers. (With 9 pixels clang 21 spills one.)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), apply_to = function)
#define ISA_SUFFIX avx512
#define LANES 16
#define TILE_PIXELS 8
#define TILE_BLOCKS 3
typedef float vec __attribute__((ext_vector_type(LANES), may_alias));
#include "declarations.inc.h"
#include EXCITE_BODY
#undef ISA_SUFFIX
#undef LANES
#undef TILE_PIXELS
#undef TILE_BLOCKS
#pragma clang attribute pop

// 12 accumulators, 2 registers of weights and a broadcast one: 15 of the 16 registers.
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define ISA_SUFFIX avx2
#define LANES 8
#define TILE_PIXELS 6
#define TILE_BLOCKS 1
typedef float vec __attribute__((ext_vector_type(LANES), may_alias));
#include "declarations.inc.h"
#include EXCITE_BODY
#undef ISA_SUFFIX
#undef LANES
#undef TILE_PIXELS
#undef TILE_BLOCKS
#pragma clang attribute pop

#endif

// What every processor of the architecture has: SSE2's 16 registers hold 2 pixels x 4 vectors, NEON's 32 hold 5 x 4.
#define ISA_SUFFIX portable
#define LANES 4
#if defined(__aarch64__)
#define TILE_PIXELS 5
#else
#define TILE_PIXELS 2
#endif
#define TILE_BLOCKS 1
typedef float vec __attribute__((ext_vector_type(LANES), may_alias));
#include "declarations.inc.h"
#include EXCITE_BODY
#undef ISA_SUFFIX
#undef LANES
#undef TILE_PIXELS
#undef TILE_BLOCKS

#pragma clang attribute pop

#undef EXCITE_BODY
