/* A requirement left <= right: w, which is left - right, is at most 0 on its range of r. */
#ifndef SLUICE_CHECK_REQUIREMENT_H
#define SLUICE_CHECK_REQUIREMENT_H

#include "context.h"

/* "" or what is not shown. */
const char *slc_check_requirement(const context_t *c);
/* The same of a refutation, at the parameters that it names. */
const char *slc_check_requirement_refuted(const context_t *c);

#endif
