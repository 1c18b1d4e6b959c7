#if defined(__x86_64__)
// What these declare stands outside of the region, and is as they say.
#include <immintrin.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#define XXH_INLINE_ALL
#define XXH_VECTOR 2  // XXH_AVX2, which the header itself defines too late.
#include <xxhash.h>

#include "variants.h"

REFLOW_DEFINE(avx2)
#pragma clang attribute pop
#endif
