// Compiles dot.inc.h once for each instruction set and kind of element. ISA_SUFFIX names both; DOT_ELEMENT is the element, DOT_KIND the way
// in which dot.inc.h computes. The tile is as in for_each_isa.h.
#include "isa.h"

// The undefined-behaviour sanitizer of `make fuzz`, whose inputs never come here, made clang take minutes for a file.
#pragma clang attribute push(__attribute__((no_sanitize("undefined"))), apply_to = function)

#define DOT_WIDENED 1    // 16-bit products of two halves of the bytes, each summed in pairs: exact without a dot product
#define DOT_VNNI 2       // vpdpbusd
#define DOT_BFLOAT16 3   // vdpbf16ps
#define DOT_PORTABLE 4   // plain C, uint8
#define DOT_PORTABLE_BFLOAT16 5
#define DOT_NEON 6       // sdot, on bytes less 128
#define DOT_NEON_BFLOAT16 7

#if defined(__x86_64__)

#define LANES 16
#define TILE_PIXELS 8
#define TILE_BLOCKS 3

#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512vnni,avx2,fma"))), apply_to = function)
#define ISA_SUFFIX uint8_avx512vnni
#define DOT_KIND DOT_VNNI
typedef float vec __attribute__((ext_vector_type(LANES), may_alias));
#include "dot.inc.h"
#undef ISA_SUFFIX
#undef DOT_KIND
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma"))), apply_to = function)
#define ISA_SUFFIX bfloat16_avx512bf16
#define DOT_KIND DOT_BFLOAT16
typedef float vec __attribute__((ext_vector_type(LANES), may_alias));
#include "dot.inc.h"
#undef ISA_SUFFIX
#undef DOT_KIND
#pragma clang attribute pop

// A row of weights takes two registers: 18 sums, 6 of weights, 2 of a pixel and a mask.
#undef TILE_PIXELS
#define TILE_PIXELS 6
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), apply_to = function)
#define ISA_SUFFIX uint8_avx512
#define DOT_KIND DOT_WIDENED
typedef float vec __attribute__((ext_vector_type(LANES), may_alias));
#include "dot.inc.h"
#undef ISA_SUFFIX
#undef DOT_KIND
#pragma clang attribute pop

#undef LANES
#undef TILE_PIXELS
#undef TILE_BLOCKS
#define LANES 8
#define TILE_PIXELS 6
#define TILE_BLOCKS 1

#pragma clang attribute push(__attribute__((target("avxvnni,avx2,fma"))), apply_to = function)
#define ISA_SUFFIX uint8_avx2vnni
#define DOT_KIND DOT_VNNI
typedef float vec __attribute__((ext_vector_type(LANES), may_alias));
#include "dot.inc.h"
#undef ISA_SUFFIX
#undef DOT_KIND
#pragma clang attribute pop

// Two registers of a row of weights and two of a pixel: 8 sums, 4 of weights, 2 of a pixel and a mask.
#undef TILE_PIXELS
#define TILE_PIXELS 5
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define ISA_SUFFIX uint8_avx2
#define DOT_KIND DOT_WIDENED
typedef float vec __attribute__((ext_vector_type(LANES), may_alias));
#include "dot.inc.h"
#undef ISA_SUFFIX
#undef DOT_KIND
#pragma clang attribute pop

#undef LANES
#undef TILE_PIXELS
#undef TILE_BLOCKS

#endif

#define LANES 4
#define TILE_BLOCKS 1

#if defined(__aarch64__)
#define TILE_PIXELS 5

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#define ISA_SUFFIX uint8_dotprod
#define DOT_KIND DOT_NEON
typedef float vec __attribute__((ext_vector_type(LANES), may_alias));
#include "dot.inc.h"
#undef ISA_SUFFIX
#undef DOT_KIND
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("bf16"))), apply_to = function)
#define ISA_SUFFIX bfloat16_bf16
#define DOT_KIND DOT_NEON_BFLOAT16
typedef float vec __attribute__((ext_vector_type(LANES), may_alias));
#include "dot.inc.h"
#undef ISA_SUFFIX
#undef DOT_KIND
#pragma clang attribute pop

#else
#define TILE_PIXELS 2
#endif

#define ISA_SUFFIX uint8_portable
#define DOT_KIND DOT_PORTABLE
typedef float vec __attribute__((ext_vector_type(LANES), may_alias));
#include "dot.inc.h"
#undef ISA_SUFFIX
#undef DOT_KIND

#define ISA_SUFFIX bfloat16_portable
#define DOT_KIND DOT_PORTABLE_BFLOAT16
typedef float vec __attribute__((ext_vector_type(LANES), may_alias));
#include "dot.inc.h"
#undef ISA_SUFFIX
#undef DOT_KIND

#undef LANES
#undef TILE_PIXELS
#undef TILE_BLOCKS

#pragma clang attribute pop
