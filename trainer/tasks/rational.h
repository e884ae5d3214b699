/* Exact numbers of bounded size, for the grading of answers (spec F3.13): naturals, rationals, and
 * sums of rational x sqrt(n) x pi^k. Nothing is allocated, and every operation takes a bounded
 * time. GMP would serve, but a training maps no library that it does not need
 * (tests/ci/libraries-test). Functions return 0 where a result is beyond the bounds; the outputs
 * are then undefined. Internal to trainer/tasks. */
#ifndef SLUICE_TASKS_RATIONAL_H
#define SLUICE_TASKS_RATIONAL_H

#include <stddef.h>
#include <stdint.h>

/* Numerators and denominators are below 2^512; a product of two of them, and a bit for a sum, must
 * fit before it is reduced. */
#define SL_NATURAL_BITS 512
#define SL_NATURAL_LIMBS 33

/* limb[n - 1] is not 0; 0 has n = 0. Lowest limb first. */
typedef struct {
  uint32_t limb[SL_NATURAL_LIMBS];
  size_t n;
} sl_natural;

/* Lowest terms, den > 0; 0 is +0/1. */
typedef struct {
  sl_natural num, den;
  int negative;
} sl_rational;

sl_rational sl_rational_of(uint64_t num, uint64_t den); /* den not 0 */
/* The decimal digits, all of them '0' to '9', times 10^exponent. */
int sl_rational_decimal(sl_rational *out, const char *digits, size_t n, long exponent);
int sl_rational_is_zero(const sl_rational *a);
int sl_rational_equal(const sl_rational *a, const sl_rational *b);
int sl_rational_add(sl_rational *out, const sl_rational *a, const sl_rational *b);
int sl_rational_multiply(sl_rational *out, const sl_rational *a, const sl_rational *b);
/* 0 for a = 0 too. */
int sl_rational_invert(sl_rational *out, const sl_rational *a);
/* Both as 64-bit numbers; 0 if one does not fit. */
int sl_rational_small(const sl_rational *a, uint64_t *num, uint64_t *den);

#define SL_NUMBER_TERMS 6
#define SL_ROOT_MAX 1000000000000u /* largest number whose root is taken */
#define SL_PI_MAX 8                /* of the exponent's magnitude */

/* A sum of r sqrt(root) pi^pi: roots without a square factor, at most SL_ROOT_MAX; ordered by root,
 * then pi; no r is 0. So equal numbers have equal terms: the roots are linearly independent over
 * the rationals, and pi is transcendental. */
typedef struct {
  sl_rational r;
  uint64_t root;
  int pi;
} sl_number_term;
typedef struct {
  sl_number_term term[SL_NUMBER_TERMS];
  size_t n;
} sl_number;

sl_number sl_number_of(const sl_rational *r);
int sl_number_equal(const sl_number *a, const sl_number *b);
void sl_number_negate(sl_number *a);
/* out may be an operand. *left goes down by the work that is done: 1 and the limbs of the longer
 * number for an operation on rationals, 20 for a root; 0 is returned where it is used up. */
int sl_number_add(sl_number *out, const sl_number *a, const sl_number *b, int *left);
int sl_number_multiply(sl_number *out, const sl_number *a, const sl_number *b, int *left);
/* The divisor has one term, or two of one power of pi. */
int sl_number_divide(sl_number *out, const sl_number *a, const sl_number *b, int *left);
/* a^(p/q), q = 1 or 2; p/q within +-SL_EXPONENT_MAX. With q = 2 a must be a rational. 0^0 and 0 to
 * a negative power are refused. */
#define SL_EXPONENT_MAX 1024
int sl_number_power(sl_number *out, const sl_number *a, long p, int q, int *left);
/* The k-th root, 2 <= k <= 64, of a rational: any for k = 2, else only an exact one. */
int sl_number_root(sl_number *out, const sl_number *a, unsigned k, int *left);
/* The rational that it is; 0 if it is none. */
int sl_number_rational(const sl_number *a, sl_rational *out);

#endif
