/* Balls under a contract: a value in binary64, and a bound on how far from it anything can lie that
 * a kernel within the contract may have computed (spec E2.1, E2.2). The bound counts the error of
 * the binary64 value too, so it holds for the distance to `mid` as it stands. */
#ifndef SLUICE_CONTRACT_ARITH_H
#define SLUICE_CONTRACT_ARITH_H

#include "contract.h"

#include "reference/ball.h"

/* The accumulator's arithmetic, with what the walks ask for most. */
typedef struct {
  const sl_contract *contract;
  double u;       /* of acc */
  double both;    /* u, and 2^-53 for the walk's own rounding */
  double tiny;    /* what a product, quotient or function can lose to underflow */
  double flushed; /* what a sum can lose: 0, or the least normal number */
  int wide;       /* acc has binary64's digits, as the walk itself has */
} sl_arith;

sl_arith sl_arith_of(const sl_contract *contract);

/* 1 if binary64's result of that operation on exact operands is the exact one, or acc is narrower
 * and rounds it anyway. A root has one operand. */
typedef enum { SL_SUM, SL_PRODUCT, SL_QUOTIENT, SL_ROOT } sl_operation;
int sl_arith_is_exact(const sl_arith *r, sl_operation operation, double a, double b);

/* g(D) = D u / (1 - D u); infinite from D u = 1 on (spec E1.3). */
double sl_arith_gamma(const sl_arith *r, double depth);

/* A given number, as the kernel may see it: reduced to `in`, or flushed. */
sl_ball sl_arith_input(const sl_arith *r, double x);
/* A given number that is added up as it is: an accumulator with fewer digits rounds it. */
sl_ball sl_arith_term(const sl_arith *r, double x);
/* A constant that the kernel has, rounded to acc. In binary64 too, where it may have been made from
 * settings in another way, unless it is so short that every way gives it. */
sl_ball sl_arith_constant(const sl_arith *r, double x);
/* An intermediate rounded to `out` (spec E1.7), which may have fewer digits than acc. */
sl_ball sl_arith_store(const sl_arith *r, sl_ball a);
/* The result (spec E2.5): of a value that is certain, its rounding is too. */
sl_ball sl_arith_output(const sl_arith *r, sl_ball a);

sl_ball sl_arith_add(const sl_arith *r, sl_ball a, sl_ball b);
sl_ball sl_arith_sub(const sl_arith *r, sl_ball a, sl_ball b);
sl_ball sl_arith_mul(const sl_arith *r, sl_ball a, sl_ball b);
/* a b + c, with one rounding or two. */
sl_ball sl_arith_muladd(const sl_arith *r, sl_ball a, sl_ball b, sl_ball c);
/* a / b, or a times a rounded 1 / b. */
sl_ball sl_arith_div(const sl_arith *r, sl_ball a, sl_ball b);
/* 1 / (a b) of exact numbers: two quotients, or two constants and a product. */
sl_ball sl_arith_reciprocal(const sl_arith *r, double a, double b);
sl_ball sl_arith_sqrt(const sl_arith *r, sl_ball a);
/* By the function, or as 1 / sqrt(a). */
sl_ball sl_arith_rsqrt(const sl_arith *r, sl_ball a);
sl_ball sl_arith_exp(const sl_arith *r, sl_ball a);
sl_ball sl_arith_log(const sl_arith *r, sl_ball a);
/* 1 / (1 + exp(-a)) */
sl_ball sl_arith_sigmoid(const sl_arith *r, sl_ball a);
/* The product of n factors in any order, with `roundings` in all. What an early product loses to
 * underflow, later factors may enlarge; no product of some of them may overflow. */
sl_ball sl_arith_product(const sl_arith *r, const sl_ball *factor, size_t n, double roundings);
/* a b c, whichever product comes first: what it loses to underflow, the last factor may enlarge. */
sl_ball sl_arith_product3(const sl_arith *r, sl_ball a, sl_ball b, sl_ball c);
/* The mid of a with the larger of both errors to it: whichever form the kernel takes. */
sl_ball sl_arith_worst(sl_ball a, sl_ball b);

/* A sum in the making. `quantum`: every term so far is an exact multiple of 2^quantum. */
typedef struct {
  double mid, magnitude, error;
  size_t terms;
  int quantum, inexact;
} sl_arith_sum;

void sl_arith_sum_add(sl_arith_sum *s, sl_ball a);
void sl_arith_sum_product(sl_arith_sum *s, sl_ball a, sl_ball b);
/* The sum after at most `depth` roundings of each term; `underflows` of the terms' products, each
 * of which may lose r->tiny. rad is 0 where E2.2 says so. */
sl_ball sl_arith_sum_end(const sl_arith *r, const sl_arith_sum *s, double depth, double underflows);
/* The same with the depth of the contract's order, for terms that are products. */
sl_ball sl_arith_dot_end(const sl_arith *r, const sl_arith_sum *s);

#endif
