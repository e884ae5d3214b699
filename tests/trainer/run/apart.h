/* A backend whose memory the host cannot touch: the cpu's kernels, over pages that are closed but
 * while a kernel or a copy runs. A run that works on it works on a device. */
#ifndef SLUICE_TESTS_APART_H
#define SLUICE_TESTS_APART_H

#include <sluice/kernels.h>

/* Adds the backend "apart", whose kernels are those of avx2. */
void apart_add(void);

/* Arguments that lay in the wrong memory, so far: a kernel's array on the host, or offsets or a
 * copy's host side on the device. */
size_t apart_misplaced(void);

#endif
