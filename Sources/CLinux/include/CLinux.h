// What Linux offers and Swift's Glibc module does not show. Policy is Swift's; here are only calls.
#ifndef REFLOW_CLINUX_H
#define REFLOW_CLINUX_H

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "hash.h"
#include "spawner.h"
#include "syscalls.h"

#endif
