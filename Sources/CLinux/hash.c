#define _GNU_SOURCE
#include "include/hash.h"

#include <CXXHash.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
  // Most sources and outputs fit: one read, no allocation, no streaming state.
  SMALL = 32 << 10,
  // Fits a core's second-level cache, so that hashing reads what reading has just written there.
  LARGE = 256 << 10,
};

static ssize_t read_full(int fd, char *buffer, size_t count) {
  size_t done = 0;
  while (done < count) {
    ssize_t n = read(fd, buffer + done, count - done);
    if (n == 0) break;
    if (n < 0) {
      if (errno == EINTR) continue;
      return -1;
    }
    done += (size_t)n;
  }
  return (ssize_t)done;
}

void reflow_hash_bytes(const void *bytes, size_t count, struct reflow_hash *result) {
  struct reflow_xxh128 hash = reflow_xxh3_128(bytes, count);
  result->high = hash.high;
  result->low = hash.low;
  result->size = count;
}

// Adds the digests of the blocks of some bytes, which begin with a block.
static int hash_blocks(const char *bytes, size_t count, struct reflow_blocks *blocks) {
  for (size_t start = 0; start < count; start += blocks->block_bytes) {
    if (blocks->count == blocks->room) {
      size_t room = blocks->room ? 2 * blocks->room : 64;
      struct reflow_hash *wider = realloc(blocks->hashes, room * sizeof *wider);
      if (!wider) return ENOMEM;
      blocks->hashes = wider;
      blocks->room = room;
    }
    size_t left = count - start;
    reflow_hash_bytes(
        bytes + start, left < blocks->block_bytes ? left : blocks->block_bytes, &blocks->hashes[blocks->count++]);
  }
  return 0;
}

static int hash_rest(
    int fd, char *buffer, const char *head, size_t count, struct reflow_hash *result, struct reflow_blocks *blocks) {
  struct reflow_xxh3_stream *stream = reflow_xxh3_begin();
  if (!stream) return ENOMEM;
  reflow_xxh3_add(stream, head, count);
  uint64_t size = count;
  int error = blocks ? hash_blocks(head, count, blocks) : 0;
  while (!error) {
    ssize_t n = read_full(fd, buffer, LARGE);
    if (n < 0) {
      error = errno;
      break;
    }
    if (n == 0) break;
    reflow_xxh3_add(stream, buffer, (size_t)n);
    size += (uint64_t)n;
    if (blocks) error = hash_blocks(buffer, (size_t)n, blocks);
  }
  struct reflow_xxh128 hash = reflow_xxh3_128_so_far(stream);
  reflow_xxh3_free(stream);
  result->high = hash.high;
  result->low = hash.low;
  result->size = size;
  return error;
}

int reflow_hash_fd(int fd, struct reflow_hash *result) { return reflow_hash_fd_blocks(fd, result, NULL); }

int reflow_hash_fd_blocks(int fd, struct reflow_hash *result, struct reflow_blocks *blocks) {
  char head[SMALL];
  ssize_t n = read_full(fd, head, SMALL);
  if (n < 0) return errno;
  if (n < SMALL) {
    reflow_hash_bytes(head, (size_t)n, result);
    return blocks ? hash_blocks(head, (size_t)n, blocks) : 0;
  }
  // Advice only: a refusal (a pipe, say) changes nothing.
  posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  void *buffer = NULL;
  if (posix_memalign(&buffer, 4096, LARGE)) return ENOMEM;
  int error = hash_rest(fd, buffer, head, SMALL, result, blocks);
  free(buffer);
  return error;
}
