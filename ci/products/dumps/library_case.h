/* A kernel in a shared library as a case to judge (spec E10.1). */
#ifndef SLUICE_DUMPS_LIBRARY_CASE_H
#define SLUICE_DUMPS_LIBRARY_CASE_H

#include "generated.h"
#include "kernel_process.h"

/* Makes the inputs, has the kernel answer them, and takes its outputs; ended by the caller, on
 * error too. Where happened is not empty, there is nothing to judge: d has the inputs alone. */
sl_status sl_library_case_make(sl_dump_case *d, sl_happened happened, const char *library,
                               const sl_generated_request *request, const sl_kernel_limits *limits,
                               sl_error *err);

#endif
