/* The built-in gates over the real numbers, in MPFR at any precision (spec O2.1, O2.2, O2.3). */
#ifndef SLUICE_REFERENCE_GATES_H
#define SLUICE_REFERENCE_GATES_H

#include <sluice/status.h>
#include <sluice/types.h>

#include <mpfr.h>

/* f(r), f'(r) and f''(r) for r >= 0, each rounded to its own precision from a working precision 112
 * bits above the largest of the four; the error of each is below 2^-(its precision) relative.
 * positive selects the parameters of A > 0. Where a derivative jumps, the value at the jump is:
 * clip's f' at its edge 1 (spec O2.2), its f'' 0 everywhere. SL_ERR_UNAVAILABLE for an expression.
 * Parameters are exact: tau as stored, at least 2^-20; the clip edges as RN32(1 + high),
 * RN32(1 - low). */
sl_status sl_ref_gate(mpfr_t f, mpfr_t df, mpfr_t ddf, const sl_gate *gate, int positive,
                      mpfr_srcptr r);

#endif
