/* Sums of r sqrt(n) pi^k in normal form (spec F3.13). */
#include "rational.h"

#include "kernels/core/verify.h"

#include <string.h>

#define ROOT_COST 20 /* 10^4 divisions at most */

static size_t limbs(const sl_rational *a) { return a->num.n > a->den.n ? a->num.n : a->den.n; }

/* An operation costs more the longer its numbers are. */
static int take(int *left, const sl_rational *a, const sl_rational *b) {
  *left -= 1 + (int)(limbs(a) > limbs(b) ? limbs(a) : limbs(b));
  return *left >= 0;
}

sl_number sl_number_of(const sl_rational *r) {
  sl_number a = {.n = !sl_rational_is_zero(r)};
  if (a.n) a.term[0] = (sl_number_term){*r, 1, 0};
  return a;
}

int sl_number_equal(const sl_number *a, const sl_number *b) {
  if (a->n != b->n) return 0;
  for (size_t i = 0; i < a->n; i++)
    if (a->term[i].root != b->term[i].root || a->term[i].pi != b->term[i].pi ||
        !sl_rational_equal(&a->term[i].r, &b->term[i].r))
      return 0;
  return 1;
}

void sl_number_negate(sl_number *a) {
  for (size_t i = 0; i < a->n; i++) a->term[i].r.negative ^= 1;
}

int sl_number_rational(const sl_number *a, sl_rational *out) {
  *out = a->n ? a->term[0].r : sl_rational_of(0, 1);
  return a->n == 0 || (a->n == 1 && a->term[0].root == 1 && a->term[0].pi == 0);
}

static int order(const sl_number_term *a, const sl_number_term *b) {
  if (a->root != b->root) return a->root < b->root ? -1 : 1;
  return (a->pi > b->pi) - (a->pi < b->pi);
}

static int add_term(sl_number *a, const sl_number_term *t, int *left) {
  size_t i = 0;
  if (sl_rational_is_zero(&t->r)) return 1;
  while (i < a->n && order(&a->term[i], t) < 0) i++;
  if (i < a->n && order(&a->term[i], t) == 0) {
    if (!take(left, &a->term[i].r, &t->r) || !sl_rational_add(&a->term[i].r, &a->term[i].r, &t->r))
      return 0;
    if (!sl_rational_is_zero(&a->term[i].r)) return 1;
    a->n--;
    memmove(&a->term[i], &a->term[i + 1], (a->n - i) * sizeof *a->term);
    return 1;
  }
  if (a->n == SL_NUMBER_TERMS) return 0;
  memmove(&a->term[i + 1], &a->term[i], (a->n - i) * sizeof *a->term);
  a->term[i] = *t;
  a->n++;
  return 1;
}

int sl_number_add(sl_number *out, const sl_number *a, const sl_number *b, int *left) {
  sl_number sum = *a;
  for (size_t i = 0; i < b->n; i++)
    if (!add_term(&sum, &b->term[i], left)) return 0;
  *out = sum;
  return 1;
}

static uint64_t gcd(uint64_t a, uint64_t b) {
  while (b) {
    const uint64_t rest = a % b;
    a = b, b = rest;
  }
  return a;
}

/* sqrt(a) sqrt(b) = g sqrt(a/g b/g), g their gcd: of numbers without square factors that is the
 * normal form. */
static int multiply_terms(sl_number_term *out, const sl_number_term *a, const sl_number_term *b,
                          int *left) {
  SL_VERIFY(a->root > 0 && b->root > 0);
  const uint64_t g = gcd(a->root, b->root), x = a->root / g, y = b->root / g;
  SL_VERIFY(y > 0);
  const sl_rational factor = sl_rational_of(g, 1);
  sl_number_term made = {.pi = a->pi + b->pi};
  if (x > SL_ROOT_MAX / y || made.pi > SL_PI_MAX || made.pi < -SL_PI_MAX ||
      !take(left, &a->r, &b->r))
    return 0;
  made.root = x * y;
  if (!sl_rational_multiply(&made.r, &a->r, &b->r)) return 0;
  if (g > 1 && (!take(left, &made.r, &factor) || !sl_rational_multiply(&made.r, &made.r, &factor)))
    return 0;
  *out = made;
  return 1;
}

int sl_number_multiply(sl_number *out, const sl_number *a, const sl_number *b, int *left) {
  sl_number product = {.n = 0};
  for (size_t i = 0; i < a->n; i++)
    for (size_t j = 0; j < b->n; j++) {
      sl_number_term t;
      if (!multiply_terms(&t, &a->term[i], &b->term[j], left) || !add_term(&product, &t, left))
        return 0;
    }
  *out = product;
  return 1;
}

/* 1 / (r sqrt(n) pi^k) = sqrt(n) pi^-k / (r n). */
static int invert_term(sl_number *out, const sl_number_term *t, int *left) {
  const sl_rational n = sl_rational_of(t->root, 1);
  sl_number_term made = {.root = t->root, .pi = -t->pi};
  if (!take(left, &t->r, &n) || !sl_rational_multiply(&made.r, &t->r, &n)) return 0;
  if (!sl_rational_invert(&made.r, &made.r)) return 0;
  *out = (sl_number){.term = {made}, .n = 1};
  return 1;
}

/* Of x + y, both with one power of pi: (x + y)(x - y) has one term. */
static int invert(sl_number *out, const sl_number *a, int *left) {
  if (a->n == 1) return invert_term(out, &a->term[0], left);
  if (a->n != 2 || a->term[0].pi != a->term[1].pi) return 0;
  sl_number other = *a, square;
  other.term[1].r.negative ^= 1;
  return sl_number_multiply(&square, a, &other, left) && square.n == 1 &&
         invert_term(&square, &square.term[0], left) &&
         sl_number_multiply(out, &other, &square, left);
}

int sl_number_divide(sl_number *out, const sl_number *a, const sl_number *b, int *left) {
  sl_number inverse;
  return invert(&inverse, b, left) && sl_number_multiply(out, a, &inverse, left);
}

/* The largest x with x^k <= n, and whether that is n. */
static int integer_root(uint64_t *x, uint64_t n, unsigned k) {
  uint64_t low = 0, high = (uint64_t)1 << (k == 2 ? 32 : 22); /* of n < 2^64 and 2^40 */
  while (high - low > 1) {
    const uint64_t middle = low + (high - low) / 2;
    uint64_t power = 1;
    for (unsigned i = 0; i < k && power <= n; i++)
      power = power > n / middle ? n + 1 : power * middle;
    *(power <= n ? &low : &high) = middle;
  }
  uint64_t power = 1;
  for (unsigned i = 0; i < k; i++) power *= low;
  *x = low;
  return power == n;
}

/* n = square^2 * rest. Divisors up to the cube root of n: what is left then has two prime factors
 * at most, so it is free of squares or a square. n <= SL_ROOT_MAX: at most 10^4 divisions. */
static void split_square(uint64_t n, uint64_t *square, uint64_t *rest) {
  uint64_t root;
  *square = *rest = 1;
  for (uint64_t d = 2; d * d * d <= n; d++)
    while (n % d == 0) {
      n /= d;
      if (n % d == 0)
        n /= d, *square *= d;
      else
        *rest *= d;
    }
  if (integer_root(&root, n, 2))
    *square *= root;
  else
    *rest *= n;
}

/* sqrt(p/q) = sqrt(p q) / q. */
static int square_root(sl_number *out, const sl_rational *a, int *left) {
  uint64_t p, q, square, rest;
  if (!sl_rational_small(a, &p, &q) || p > SL_ROOT_MAX / q || (*left -= ROOT_COST) < 0) return 0;
  split_square(p * q, &square, &rest);
  const sl_rational r = sl_rational_of(square, q);
  *out = sl_number_of(&r);
  out->term[0].root = rest;
  return 1;
}

int sl_number_root(sl_number *out, const sl_number *a, unsigned k, int *left) {
  sl_rational r;
  uint64_t p, q, x, y;
  if (!sl_number_rational(a, &r)) return 0;
  if (a->n == 0) {
    *out = *a;
    return 1;
  }
  if (k == 2) return !r.negative && square_root(out, &r, left);
  if ((r.negative && k % 2 == 0) || !sl_rational_small(&r, &p, &q) || p > SL_ROOT_MAX ||
      q > SL_ROOT_MAX || !integer_root(&x, p, k) || !integer_root(&y, q, k))
    return 0;
  sl_rational root = sl_rational_of(x, y);
  root.negative = r.negative;
  *out = sl_number_of(&root);
  return 1;
}

/* By squaring. */
static int natural_power(sl_number *out, const sl_number *a, unsigned long p, int *left) {
  const sl_rational one = sl_rational_of(1, 1);
  sl_number result = sl_number_of(&one), square = *a;
  for (; p; p >>= 1) {
    if (p & 1 && !sl_number_multiply(&result, &result, &square, left)) return 0;
    if (p > 1 && !sl_number_multiply(&square, &square, &square, left)) return 0;
  }
  *out = result;
  return 1;
}

int sl_number_power(sl_number *out, const sl_number *a, long p, int q, int *left) {
  const sl_rational one = sl_rational_of(1, 1);
  const sl_number unit = sl_number_of(&one);
  sl_number base = *a;
  if (p > SL_EXPONENT_MAX || p < -SL_EXPONENT_MAX || (a->n == 0 && p <= 0)) return 0;
  if (q == 2 && !sl_number_root(&base, a, 2, left)) return 0;
  if (p < 0)
    return natural_power(&base, &base, (unsigned long)-p, left) &&
           sl_number_divide(out, &unit, &base, left);
  return natural_power(out, &base, (unsigned long)p, left);
}
