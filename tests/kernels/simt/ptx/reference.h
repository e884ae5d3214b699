/* What each form of PTX gives, written a second time: from the form's own name, in integers of 128
 * bits and MPFR, with nothing of kernels/simt/ptx. */
#ifndef SLUICE_TESTS_PTX_REFERENCE_H
#define SLUICE_TESTS_PTX_REFERENCE_H

#include <stdint.h>

/* The four words that thread `thread` of a trial (kernels/simt/ptx/ptx.h) leaves; in: four words a
 * thread. 0 if the reference does not know the form. */
int ptx_reference(const char *form, const uint64_t *in, unsigned thread, const uint8_t block[32],
                  uint64_t out[4]);

#endif
