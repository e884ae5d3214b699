/* Records on which no claim of their part rests, and which so say nothing: none is accepted. */
#ifndef SLUICE_CHECK_NEEDED_H
#define SLUICE_CHECK_NEEDED_H

#include "part.h"

/* "" or which record it is (spec G4.3). requirement: the part is one of a requirement. */
const char *slc_check_needed(const part_t *part, int requirement);

#endif
