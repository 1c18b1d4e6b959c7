#ifndef REFLOW_HASH_H
#define REFLOW_HASH_H

#include <stddef.h>
#include <stdint.h>

/// XXH3-128 of a content, and how many bytes it had.
struct reflow_hash {
  uint64_t high;
  uint64_t low;
  uint64_t size;
};

/// Hashes what `fd` holds from its offset to its end, wherever another process may move that end meanwhile: it reads
/// and never maps, since a mapped file that shrinks kills the reader. Returns 0 or an errno.
int reflow_hash_fd(int fd, struct reflow_hash *result);

/// Hashes bytes in memory: the same digest as of a file that holds them.
void reflow_hash_bytes(const void *bytes, size_t count, struct reflow_hash *result);

/// A hash that goes on: of the bytes that it has been given so far.
struct reflow_running_hash;

/// Returns NULL where there is no memory. To be freed with `reflow_running_hash_free`.
struct reflow_running_hash *reflow_running_hash_make(void);
void reflow_running_hash_free(struct reflow_running_hash *hash);

/// Reads `count` bytes of `fd` from `offset` on, whatever the descriptor's own offset is, and adds them. `added` becomes how many there
/// were: fewer than `count` only where the file ends. Returns 0 or an errno; after that the hash is of no use.
int reflow_running_hash_add(struct reflow_running_hash *hash, int fd, uint64_t offset, uint64_t count, uint64_t *added);

/// The digest of all that has been added; more may be added afterwards.
void reflow_running_hash_read(const struct reflow_running_hash *hash, struct reflow_hash *result);

#endif
