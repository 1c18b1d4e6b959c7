// Shared by the spawner's files; not for Swift.
#ifndef REFLOW_WORKER_H
#define REFLOW_WORKER_H

#include "include/spawner.h"

#include <stddef.h>

/// The worker's life. `in_box`: it is process 1 of its own namespaces. `group`: see spawner.h. Never returns.
_Noreturn void reflow_worker_main(int socket, int in_box, int group);

/// Builds the box from SETUP's texts and moves the worker's root to where `/box` is the step's root and `/host` shows what
/// inputs are bound from. Returns 0 or an errno, with what was tried in `message`.
int reflow_box_build(const char *texts, size_t length, char *message, size_t message_size);

struct reflow_stage_operation {
  char code;  // reflow_stage_code
  const char *source, *path;
};

/// Begins to bring a step's inputs to their places: below `in/` of `folder`, or, in a box (NULL), on the box's stage.
void reflow_stage_open(const char *folder);
/// 0 or an errno.
int reflow_stage_do(const struct reflow_stage_operation *operation);
/// To be called in reverse order. 1 where something is not as it was made.
int reflow_stage_undo(const struct reflow_stage_operation *operation);
void reflow_stage_close(void);

/// Gives up every capability, for good. Called in the child that becomes a step. Returns 0 or an errno.
int reflow_drop_capabilities(void);

#endif
