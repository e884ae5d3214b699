/* Signs of an expression on all of an open piece, from one box of it: of the value, or of the slope
 * together with the value at an end. */
#ifndef SLUICE_CHECK_COURSE_H
#define SLUICE_CHECK_COURSE_H

#include "pieces.h"

/* Notes which courses are the slope of s->w. */
void slc_course_match(pieces_t *p, piece_t *s);
/* Of s->w, on piece i as the joins stand; s needs its expression alone. */
unsigned slc_course_signs(pieces_t *p, piece_t *s, int i);

#endif
