#ifndef REFLOW_XXHASH_H
#define REFLOW_XXHASH_H

#include <stddef.h>
#include <stdint.h>

// XXH3 out of the headers of libxxhash, compiled for the widest instructions that the processor has. Debian's static library has it for
// the narrowest alone, at a quarter of the speed.

struct reflow_xxh128 {
  uint64_t high;
  uint64_t low;
};

/// XXH3-128. `bytes` may be null where there are none.
struct reflow_xxh128 reflow_xxh3_128(const void *bytes, size_t count);

/// XXH3-64; the seed 0 is none.
uint64_t reflow_xxh3_64(const void *bytes, size_t count, uint64_t seed);

/// Bytes that come in pieces, without a seed.
struct reflow_xxh3_stream;

/// Null where there is no memory.
struct reflow_xxh3_stream *reflow_xxh3_begin(void);
void reflow_xxh3_add(struct reflow_xxh3_stream *stream, const void *bytes, size_t count);
/// What hashing all bytes so far at once gives.
struct reflow_xxh128 reflow_xxh3_128_so_far(const struct reflow_xxh3_stream *stream);
uint64_t reflow_xxh3_64_so_far(const struct reflow_xxh3_stream *stream);
void reflow_xxh3_free(struct reflow_xxh3_stream *stream);

#endif
