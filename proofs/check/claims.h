/* Checking a part: every claim that it makes. */
#ifndef SLUICE_CHECK_CLAIMS_H
#define SLUICE_CHECK_CLAIMS_H

#include "part.h"

/* "" or what is wrong. ranged[i]: parameter i is a range. */
const char *slc_check_part(const part_t *part, const expr_t *e, int f, int w, const int *ranged);

#endif
