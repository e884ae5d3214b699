/* Forms (spec G4.3): expressions that equal w, w - 1 or w' on a segment, because both are the same
 * quotient of polynomials in r, the parameters and symbols. */
#ifndef SLUICE_CHECK_FORM_H
#define SLUICE_CHECK_FORM_H

#include "context.h"

/* Gives the pieces their forms. "" or why one does not equal what it stands for. */
const char *slc_take_forms(const context_t *c);

#endif
