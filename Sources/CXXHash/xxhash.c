#define XXH_INLINE_ALL
#include <xxhash.h>

#include "variants.h"

#if defined(__x86_64__)
#include <sys/platform/x86.h>
#endif

REFLOW_DEFINE(plain)

// Of fewer bytes none is quicker than another, and to ask what the processor has costs more than it saves.
enum { LONG = 1024 };

// What the loader has found out of the processor: a virtual machine takes a microsecond for each question to it.
#if defined(__x86_64__)
#define REFLOW_CHOOSE(count, name, ...)                                            \
  do {                                                                             \
    if ((count) >= LONG) {                                                         \
      if (CPU_FEATURE_ACTIVE(AVX512F)) return name##_avx512(__VA_ARGS__);          \
      if (CPU_FEATURE_ACTIVE(AVX2)) return name##_avx2(__VA_ARGS__);               \
    }                                                                              \
    return name##_plain(__VA_ARGS__);                                              \
  } while (0)
#else
#define REFLOW_CHOOSE(count, name, ...) return name##_plain(__VA_ARGS__)
#endif

struct reflow_xxh128 reflow_xxh3_128(const void *bytes, size_t count) {
  REFLOW_CHOOSE(count, reflow_xxh3_128, bytes, count);
}

uint64_t reflow_xxh3_64(const void *bytes, size_t count, uint64_t seed) {
  REFLOW_CHOOSE(count, reflow_xxh3_64, bytes, count, seed);
}

struct reflow_xxh3_stream *reflow_xxh3_begin(void) {
  XXH3_state_t *state = XXH3_createState();
  if (state) XXH3_128bits_reset(state);
  return (struct reflow_xxh3_stream *)state;
}

void reflow_xxh3_add(struct reflow_xxh3_stream *stream, const void *bytes, size_t count) {
  REFLOW_CHOOSE(count, reflow_xxh3_add, stream, bytes, count);
}

struct reflow_xxh128 reflow_xxh3_128_so_far(const struct reflow_xxh3_stream *stream) {
  XXH128_hash_t hash = XXH3_128bits_digest((const XXH3_state_t *)stream);
  return (struct reflow_xxh128){.high = hash.high64, .low = hash.low64};
}

uint64_t reflow_xxh3_64_so_far(const struct reflow_xxh3_stream *stream) {
  return XXH3_64bits_digest((const XXH3_state_t *)stream);
}

void reflow_xxh3_free(struct reflow_xxh3_stream *stream) { XXH3_freeState((XXH3_state_t *)stream); }
