#ifndef REFLOW_SPAWNER_H
#define REFLOW_SPAWNER_H

#include <stddef.h>
#include <stdint.h>

// The spawner is a copy of this process, made while it is small and has one thread. It makes workers; a worker runs one
// step at a time. Each worker holds one end of a socket and ends, with all that its step started, when the other end is
// closed: by us, or by the kernel when we die.

enum reflow_worker_kind {
  REFLOW_WORKER_PLAIN = 0,
  // Process 1 of its own namespaces (user, mount, process, IPC, network), in which all its steps run.
  REFLOW_WORKER_SANDBOX = 1,
  // The same with the network of this machine.
  REFLOW_WORKER_SANDBOX_NETWORK = 2,
};

/// Starts the spawner if it does not run yet. Returns 0 or an errno. Call it first in `main`: not safe with a second thread
/// that does the same.
int reflow_spawner_start(void);

/// Makes a worker and returns the socket to it, or -errno. Callable from any thread. `group`: open on the file that takes the
/// processes of a control group, which the worker's steps join; -1 for none.
int reflow_spawner_worker(enum reflow_worker_kind kind, int group);

// Frames on a worker's socket: `struct reflow_frame`, then `length` bytes. Texts in them end with a zero byte.

enum reflow_frame_type {
  // To the worker, sandbox only, once: a list of `reflow_box_code` and one or two texts each.
  REFLOW_FRAME_SETUP = 1,
  // To the worker: `struct reflow_plan` and its texts.
  REFLOW_FRAME_RUN = 2,
  // To the worker: ends the running step; ignored when none runs.
  REFLOW_FRAME_CANCEL = 3,
  // To us, once for each of the first two: `struct reflow_report`, a message, then `tail_length` bytes of log.
  REFLOW_FRAME_REPORT = 4,
};

struct reflow_frame {
  uint32_t length;
  uint32_t type;
};

/// What the box is made of. Box paths are absolute as steps see them; folders above them are made.
enum reflow_box_code {
  REFLOW_BOX_READABLE = 'r',  // HOST BOX: a folder or file, with what is mounted below it, read-only
  REFLOW_BOX_WRITABLE = 'w',  // HOST BOX
  REFLOW_BOX_DEVICE = 'n',    // HOST BOX: a device node
  REFLOW_BOX_LINK = 'l',      // TARGET BOX: a symbolic link
  REFLOW_BOX_FOLDER = 'd',    // BOX: an empty folder
  REFLOW_BOX_MASK = 'm',      // BOX: hides what is there behind an empty folder
  REFLOW_BOX_STAGE = 'i',     // BOX: where inputs appear; an existing folder
  REFLOW_BOX_HOST = 'h',      // HOST: what the worker, but no step, can see, read-only: inputs come from there
  REFLOW_BOX_LOGS = 'g',      // HOST: the folder that logs are written to
};

/// How a step's inputs come to their places, in order, undone in reverse. Paths are relative to the stage: `in/`.
enum reflow_stage_code {
  REFLOW_STAGE_FOLDER = 'd',       // PATH: a folder
  REFLOW_STAGE_LINK = 's',         // TARGET PATH: a symbolic link
  REFLOW_STAGE_BIND_FILE = 'f',    // HOST PATH: a mount; sandbox only
  REFLOW_STAGE_BIND_FOLDER = 'b',  // HOST PATH
};

/// Texts that follow: working directory, log file, PATH, the files of `<` and `>` (empty: none), arguments, environment, then
/// stage operations (code byte and texts).
struct reflow_plan {
  int64_t timeout_ms;  // 0: none
  int64_t log_limit;   // bytes
  int64_t memory_limit;  // bytes of all processes of the step together; 0: none
  uint32_t argument_count;
  uint32_t variable_count;
  uint32_t stage_count;
  uint32_t is_direct;  // 1: it is not bash: gets the variable `_` that bash would give it
};

enum reflow_ending {
  REFLOW_ENDED_EXIT = 0,          // status: of exit
  REFLOW_ENDED_SIGNAL = 1,        // status: the signal
  REFLOW_ENDED_TIMEOUT = 2,
  REFLOW_ENDED_CANCEL = 3,
  REFLOW_ENDED_NOT_STARTED = 4,   // status: errno of exec, or of the files of `<` and `>`; ENOENT: no such command
  REFLOW_ENDED_NOT_STAGED = 5,    // status: errno; the message is the path
  REFLOW_ENDED_NO_PROCESS = 6,    // status: errno of clone or pipe
  REFLOW_ENDED_READY = 7,         // the answer to SETUP
  REFLOW_ENDED_NO_SANDBOX = 8,    // the answer to SETUP; status: errno; the message is what was tried
  REFLOW_ENDED_MEMORY = 9,        // it used more than its limit
};

struct reflow_report {
  uint32_t ending;
  int32_t status;
  int64_t wall_ns;
  int64_t cpu_ns;
  int64_t peak_bytes;
  int64_t log_bytes;     // that the step wrote
  int64_t log_dropped;   // of these, not kept
  int32_t log_errno;     // why the log could not be written, or 0
  uint32_t left_running; // processes that outlived the command by more than the grace and were killed; message: names
  uint32_t stage_dirty;  // 1: something in `in/` is not as it was made
  uint32_t tail_length;
  uint32_t is_sampled;   // 1: peak_bytes is the sum over processes, as it was seen now and then
  uint32_t reserved;
};

/// Reads or writes, on a socket, exactly `length` bytes. 0, or an errno; EPIPE at the end of the stream.
int reflow_read_exactly(int fd, void *buffer, size_t length);
int reflow_write_exactly(int fd, const void *buffer, size_t length);

#endif
