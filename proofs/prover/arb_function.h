/* Balls of decimals, powers, and functions of one argument. */
#ifndef SLUICE_PROOFS_ARB_FUNCTION_H
#define SLUICE_PROOFS_ARB_FUNCTION_H

#include "kernels/gate/tree.h"

#include <arb.h>

/* a^(p/q) for q > 1 as exp(p/q log a), and the integer power. */
void sl_arb_power(arb_t y, const arb_t a, int64_t p, int64_t q, slong prec);
void sl_arb_decimal(arb_t y, sl_decimal value, slong prec);
void sl_arb_sigmoid(arb_t y, const arb_t a, slong prec);
/* v: a function of one argument, of functions.def, at a; s: its derivative there. */
void sl_arb_function(arb_t v, arb_t s, sl_gate_op op, const arb_t a, slong prec);

#endif
