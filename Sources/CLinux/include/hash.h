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

/// Hashes of the blocks of a content, which are hashed beside it. Begins with zeros but for the size of a block; whoever asks frees the hashes.
struct reflow_blocks {
  /// A divisor of 32 KiB.
  size_t block_bytes;
  struct reflow_hash *hashes;
  size_t count;
  size_t room;
};

/// As `reflow_hash_fd`, with the blocks unless they are null.
int reflow_hash_fd_blocks(int fd, struct reflow_hash *result, struct reflow_blocks *blocks);

/// Hashes bytes in memory: the same digest as of a file that holds them.
void reflow_hash_bytes(const void *bytes, size_t count, struct reflow_hash *result);

#endif
