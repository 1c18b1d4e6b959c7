#ifndef REFLOW_XXHASH_VARIANTS_H
#define REFLOW_XXHASH_VARIANTS_H

#include "include/CXXHash.h"

// The same for each set of instructions. The state of a stream is laid out alike in all.
#define REFLOW_DECLARE(name)                                                          \
  struct reflow_xxh128 reflow_xxh3_128_##name(const void *bytes, size_t count);         \
  uint64_t reflow_xxh3_64_##name(const void *bytes, size_t count, uint64_t seed);       \
  void reflow_xxh3_add_##name(struct reflow_xxh3_stream *stream, const void *bytes, size_t count);

REFLOW_DECLARE(plain)
#if defined(__x86_64__)
REFLOW_DECLARE(avx2)
REFLOW_DECLARE(avx512)
#endif

// Whoever defines a variant has included <xxhash.h> with `XXH_INLINE_ALL`.
#define REFLOW_DEFINE(name)                                                                           \
  struct reflow_xxh128 reflow_xxh3_128_##name(const void *bytes, size_t count) {                        \
    XXH128_hash_t hash = XXH3_128bits(bytes, count);                                                    \
    return (struct reflow_xxh128){.high = hash.high64, .low = hash.low64};                              \
  }                                                                                                     \
  uint64_t reflow_xxh3_64_##name(const void *bytes, size_t count, uint64_t seed) {                      \
    return XXH3_64bits_withSeed(bytes, count, seed);                                                    \
  }                                                                                                     \
  void reflow_xxh3_add_##name(struct reflow_xxh3_stream *stream, const void *bytes, size_t count) {     \
    XXH3_128bits_update((XXH3_state_t *)stream, bytes, count);                                          \
  }

#endif
