/* A normal form of expressions in exact arithmetic: sums of monomials with rational coefficients in
 * r, the parameters, and functions of normal forms. Two expressions with one normal form are equal
 * wherever both have a value; the converse is not claimed. */
#ifndef SLUICE_GATE_NORMAL_H
#define SLUICE_GATE_NORMAL_H

#include "definition.h"

/* 1: f (weight: f' or the weight) of one side of both definitions has one normal form, parameters
 * being told apart by name. 0: not the same, or larger than normal forms may be. -1: memory is
 * short. */
int sl_gate_same(const sl_gate_definition *a, const sl_gate_definition *b, int positive,
                 int weight);

#endif
