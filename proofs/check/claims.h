/* Checking a part: every claim that it makes. */
#ifndef SLUICE_CHECK_CLAIMS_H
#define SLUICE_CHECK_CLAIMS_H

#include "context.h"

/* "" or what is wrong. *inside: bit i is set where the gate has two arguments and a witness of
 * property i is in their region (spec G1.7). */
const char *slc_check_part(const part_t *part, const expr_t *e, int f, int w,
                           const source_t *source, unsigned *inside);

#endif
