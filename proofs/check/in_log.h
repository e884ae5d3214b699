/* A node in s = log r or s = -log r, for its tail form there. */
#ifndef SLUICE_CHECK_IN_LOG_H
#define SLUICE_CHECK_IN_LOG_H

#include "expr.h"

/* Node ref over `to`, whose variable is s, with r = exp(s), or exp(-s) where minus is set; -1 where
 * it is too large. *r is the node of that exponential. */
int slc_in_log(expr_t *to, const expr_t *from, int ref, int minus, int *r);
/* The largest k with 2^k <= e log 2; -1: none. So r >= 2^e has s >= 2^k, and r <= 2^-e too. */
long slc_log_exponent(long e);

#endif
