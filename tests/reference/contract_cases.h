/* Cases of ops for the tests of their bounds: tensors of a format, filled with numbers of a kind.
 */
#ifndef SLUICE_TEST_CONTRACT_CASES_H
#define SLUICE_TEST_CONTRACT_CASES_H

#include "inputs.h"

#include "reference/contract/op.h"

/* The case of an op with that shape and contract, all inputs filled: real numbers of `kind` in
 * `given`, whole ones within their range. */
sl_op_case case_of(const sl_op *op, const char *shape, const char *contract, sl_format given,
                   input_kind kind);
/* The balls of one output. */
sl_ball *bounds_of(const sl_op_case *c, int out, size_t *n);
/* The largest |x - mid| / rad; infinite where x is not finite or leaves a ball of radius 0.
 * Elements without bound, or beyond the type's largest number, are left out and counted. */
double share_of(const double *x, const sl_ball *balls, size_t n, size_t *at, size_t *unbounded);

#endif
