// Shared by the spawner's files; not for Swift.
#ifndef REFLOW_WORKER_H
#define REFLOW_WORKER_H

#include "include/spawner.h"

#include <stddef.h>

/// The worker's life. `in_box`: it is process 1 of its own namespaces. Never returns.
_Noreturn void reflow_worker_main(int socket, int in_box);

/// Builds the box from SETUP's texts and moves the worker's root to where `/box` is the step's root and `/host` shows what
/// inputs are bound from. Returns 0 or an errno, with what was tried in `message`.
int reflow_box_build(const char *texts, size_t length, char *message, size_t message_size);

/// Gives up every capability, for good. Called in the child that becomes a step. Returns 0 or an errno.
int reflow_drop_capabilities(void);

#endif
