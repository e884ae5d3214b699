/* Intervals between two numbers, either of which may be infinite, with the signs that the values
 * between them may have.
 *
 * A span encloses the finite values that an expression takes on a box. Its ends are exact where the
 * operation is (1/(1 + [0, inf)) is [0, 1], exp of [-1, 0] ends at 1), so that "w <= 1" and "w' <=
 * 0" can be shown where equality occurs. The signs may know more than the ends: 1/r for r >= 2 is
 * positive, though its span begins at 0. */
#ifndef SLUICE_PROOFS_SPAN_H
#define SLUICE_PROOFS_SPAN_H

#include "kernels/gate/tree.h"

#include <arb.h>
#include <fmpq.h>

enum { SL_NEGATIVE = 1, SL_ZERO = 2, SL_POSITIVE = 4, SL_ANY_SIGN = 7 };
enum { SL_LOW_OPEN = 1, SL_HIGH_OPEN = 2 };

typedef struct {
  arf_struct low, high;
  unsigned char signs; /* a set of SL_NEGATIVE, SL_ZERO, SL_POSITIVE */
  unsigned char open;  /* ends that no value attains */
} sl_span;

void sl_span_init(sl_span *y);
void sl_span_clear(sl_span *y);
void sl_span_set(sl_span *y, const sl_span *a);
void sl_span_zero(sl_span *y);
void sl_span_unknown(sl_span *y); /* any number */
void sl_span_ends(sl_span *y, const arf_t low, const arf_t high, unsigned open);
void sl_span_arb(sl_span *y, const arb_t a, slong prec);
void sl_span_fmpq(sl_span *y, const fmpq_t low, const fmpq_t high, slong prec);
/* An end that is no number becomes infinite; then as sl_span_limit_signs. */
void sl_span_settle(sl_span *y, unsigned possible);
/* Keeps the signs that the ends allow among `possible`, and moves an end to 0 where they say so. */
void sl_span_limit_signs(sl_span *y, unsigned possible);

int sl_span_is_zero(const sl_span *a);
int sl_span_bounded(const sl_span *a);
/* 1, -1: certainly positive, negative; 0 neither. */
int sl_span_sign(const sl_span *a);

/* Sets of signs of a sum, a product, a negation. */
unsigned sl_signs_add(unsigned a, unsigned b);
unsigned sl_signs_mul(unsigned a, unsigned b);
unsigned sl_signs_neg(unsigned a);

void sl_span_neg(sl_span *y, const sl_span *a);
void sl_span_add(sl_span *y, const sl_span *a, const sl_span *b, slong prec);
void sl_span_sub(sl_span *y, const sl_span *a, const sl_span *b, slong prec);
void sl_span_mul(sl_span *y, const sl_span *a, const sl_span *b, slong prec);
void sl_span_sqr(sl_span *y, const sl_span *a, slong prec);
/* 1/a for a that is not zero. */
void sl_span_invert(sl_span *y, const sl_span *a, slong prec);
/* Unknown where b may be zero. */
void sl_span_div(sl_span *y, const sl_span *a, const sl_span *b, slong prec);
/* a^(p/q). Unknown where it has no value for some a. */
void sl_span_power(sl_span *y, const sl_span *a, int64_t p, int64_t q, slong prec);
/* The slope of a^(p/q) wherever it has one. A root has none where a is 0, yet is continuous there:
 * an expression over a box holds finitely many such places, or a is constant around them. */
void sl_span_power_slope(sl_span *y, const sl_span *a, int64_t p, int64_t q, slong prec);
void sl_span_abs(sl_span *y, const sl_span *a);
void sl_span_union(sl_span *y, const sl_span *a, const sl_span *b);
/* A function of functions.def, and its slope at a. */
void sl_span_function(sl_span *y, sl_span *slope, sl_gate_op op, const sl_span *a, slong prec);

#endif
