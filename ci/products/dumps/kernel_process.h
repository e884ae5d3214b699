/* A kernel in a shared library, loaded and called in a process of its own (spec E10.2, E10.4). */
#ifndef SLUICE_DUMPS_KERNEL_PROCESS_H
#define SLUICE_DUMPS_KERNEL_PROCESS_H

#include "kernel_call.h"

typedef struct {
  double seconds;
  size_t mebibytes;
} sl_kernel_limits;

/* Loads the library, calls the kernel and keeps its answer; happened is empty if it has returned 0.
 * SL_ERR_IO for a file that cannot be read, SL_ERR_MEMORY or SL_ERR_IO where the system has no
 * process for it. */
sl_status sl_kernel_process(sl_happened happened, const char *library, sl_kernel_call *k,
                            const sl_kernel_limits *limits, sl_error *err);

#endif
