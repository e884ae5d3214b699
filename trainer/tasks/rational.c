/* Naturals and rationals of bounded size (spec F3.13). Schoolbook methods: numbers have a few
 * limbs, and pairs that fit 64 bits take the processor's own operations. */
#include "rational.h"

#include "kernels/core/verify.h"

#include <string.h>

static sl_natural natural_of(uint64_t x) {
  sl_natural a = {.limb = {(uint32_t)x, (uint32_t)(x >> 32)}};
  a.n = x >> 32 ? 2 : x > 0;
  return a;
}

static uint64_t small(const sl_natural *a) { return a->limb[0] | (uint64_t)a->limb[1] << 32; }

static int is_one(const sl_natural *a) { return a->n == 1 && a->limb[0] == 1; }

/* Limbs above n are 0, always. */
static void trim(sl_natural *a) {
  while (a->n && a->limb[a->n - 1] == 0) a->n--;
}

static int compare(const sl_natural *a, const sl_natural *b) {
  if (a->n != b->n) return a->n < b->n ? -1 : 1;
  for (size_t i = a->n; i-- > 0;)
    if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i] ? -1 : 1;
  return 0;
}

static int add(sl_natural *out, const sl_natural *a, const sl_natural *b) {
  sl_natural sum = {.n = a->n > b->n ? a->n : b->n};
  uint64_t carry = 0;
  for (size_t i = 0; i < sum.n; i++) {
    carry += (uint64_t)a->limb[i] + b->limb[i];
    sum.limb[i] = (uint32_t)carry, carry >>= 32;
  }
  if (carry && sum.n == SL_NATURAL_LIMBS) return 0;
  if (carry) sum.limb[sum.n++] = (uint32_t)carry;
  *out = sum;
  return 1;
}

/* a -= b, a >= b. */
static void subtract(sl_natural *a, const sl_natural *b) {
  uint64_t borrow = 0;
  for (size_t i = 0; i < a->n; i++) {
    const uint64_t d = (uint64_t)a->limb[i] - b->limb[i] - borrow;
    a->limb[i] = (uint32_t)d, borrow = d >> 63;
  }
  trim(a);
}

static int multiply(sl_natural *out, const sl_natural *a, const sl_natural *b) {
  sl_natural product = {.n = a->n + b->n};
  if (product.n > SL_NATURAL_LIMBS) return 0;
  for (size_t i = 0; i < a->n; i++) {
    uint64_t carry = 0;
    for (size_t j = 0; j < b->n; j++) {
      carry += product.limb[i + j] + (uint64_t)a->limb[i] * b->limb[j];
      product.limb[i + j] = (uint32_t)carry, carry >>= 32;
    }
    product.limb[i + b->n] = (uint32_t)carry;
  }
  trim(&product);
  *out = product;
  return 1;
}

static void halve(sl_natural *a) {
  for (size_t i = 0; i < a->n; i++)
    a->limb[i] = a->limb[i] >> 1 | (i + 1 < a->n ? a->limb[i + 1] << 31 : 0);
  trim(a);
}

static uint64_t gcd_small(uint64_t a, uint64_t b) {
  while (b) {
    const uint64_t rest = a % b;
    a = b, b = rest;
  }
  return a;
}

/* By halving and subtracting: at most as many steps as both have bits. Neither is 0. */
static sl_natural gcd(sl_natural a, sl_natural b) {
  int twos = 0;
  if (a.n <= 2 && b.n <= 2) return natural_of(gcd_small(small(&a), small(&b)));
  for (; !((a.limb[0] | b.limb[0]) & 1); twos++) halve(&a), halve(&b);
  while (a.n && b.n) {
    if (!(a.limb[0] & 1))
      halve(&a);
    else if (!(b.limb[0] & 1))
      halve(&b);
    else if (compare(&a, &b) >= 0)
      subtract(&a, &b);
    else
      subtract(&b, &a);
  }
  sl_natural odd = a.n ? a : b;
  for (; twos > 0; twos--) add(&odd, &odd, &odd);
  return odd;
}

/* a / b, which leaves no rest: bit by bit from the top. */
static sl_natural divide_exactly(const sl_natural *a, const sl_natural *b) {
  sl_natural quotient = {.n = a->n}, rest = {.n = 0};
  SL_VERIFY(b->n > 2 || small(b) > 0);
  if (is_one(b)) return *a;
  if (a->n <= 2 && b->n <= 2) return natural_of(small(a) / small(b));
  for (size_t i = 32 * a->n; i-- > 0;) {
    add(&rest, &rest, &rest);
    rest.limb[0] |= a->limb[i / 32] >> i % 32 & 1;
    if (rest.n == 0) rest.n = rest.limb[0] & 1;
    if (compare(&rest, b) < 0) continue;
    subtract(&rest, b);
    quotient.limb[i / 32] |= (uint32_t)1 << i % 32;
  }
  trim(&quotient);
  return quotient;
}

static int is_bounded(const sl_natural *a) { return a->n <= SL_NATURAL_BITS / 32; }

static int reduce(sl_rational *a) {
  if (a->num.n == 0) {
    *a = sl_rational_of(0, 1);
    return 1;
  }
  const sl_natural g = gcd(a->num, a->den);
  a->num = divide_exactly(&a->num, &g), a->den = divide_exactly(&a->den, &g);
  return is_bounded(&a->num) && is_bounded(&a->den);
}

sl_rational sl_rational_of(uint64_t num, uint64_t den) {
  const uint64_t g = gcd_small(num, den);
  return (sl_rational){natural_of(num / g), natural_of(den / g), 0};
}

/* a *= factor; a += digit. */
static int push_digit(sl_natural *a, uint32_t factor, uint32_t digit) {
  const sl_natural f = natural_of(factor), d = natural_of(digit);
  return multiply(a, a, &f) && add(a, a, &d) && is_bounded(a);
}

int sl_rational_decimal(sl_rational *out, const char *digits, size_t n, long exponent) {
  sl_rational a = {natural_of(0), natural_of(1), 0};
  for (size_t i = 0; i < n; i++)
    if (!push_digit(&a.num, 10, (uint32_t)(digits[i] - '0'))) return 0;
  if (exponent > SL_NATURAL_BITS || exponent < -SL_NATURAL_BITS) {
    *out = a; /* only a zero has so many */
    return a.num.n == 0;
  }
  for (; exponent > 0 && a.num.n; exponent--)
    if (!push_digit(&a.num, 10, 0)) return 0;
  for (; exponent < 0; exponent++)
    if (!push_digit(&a.den, 10, 0)) return 0;
  *out = a;
  return reduce(out);
}

int sl_rational_is_zero(const sl_rational *a) { return a->num.n == 0; }

int sl_rational_equal(const sl_rational *a, const sl_rational *b) {
  return a->negative == b->negative && compare(&a->num, &b->num) == 0 &&
         compare(&a->den, &b->den) == 0;
}

int sl_rational_multiply(sl_rational *out, const sl_rational *a, const sl_rational *b) {
  sl_rational made = {.negative = a->negative ^ b->negative};
  if (!multiply(&made.num, &a->num, &b->num) || !multiply(&made.den, &a->den, &b->den)) return 0;
  if (!reduce(&made)) return 0;
  *out = made;
  return 1;
}

/* num, which may be smaller than the other: the difference of two, and its sign. */
static void add_signed(sl_rational *out, const sl_natural *x, int x_negative, const sl_natural *y,
                       int y_negative) {
  if (x_negative == y_negative) {
    add(&out->num, x, y); /* of two products of bounded numbers there is room for the sum */
    out->negative = x_negative;
    return;
  }
  const int x_larger = compare(x, y) >= 0;
  out->num = x_larger ? *x : *y;
  subtract(&out->num, x_larger ? y : x);
  out->negative = x_larger ? x_negative : y_negative;
}

int sl_rational_add(sl_rational *out, const sl_rational *a, const sl_rational *b) {
  sl_natural x, y;
  sl_rational made;
  if (!multiply(&x, &a->num, &b->den) || !multiply(&y, &b->num, &a->den) ||
      !multiply(&made.den, &a->den, &b->den))
    return 0;
  add_signed(&made, &x, a->negative, &y, b->negative);
  if (!reduce(&made)) return 0;
  *out = made;
  return 1;
}

int sl_rational_invert(sl_rational *out, const sl_rational *a) {
  if (a->num.n == 0) return 0;
  *out = (sl_rational){a->den, a->num, a->negative};
  return 1;
}

int sl_rational_small(const sl_rational *a, uint64_t *num, uint64_t *den) {
  *num = small(&a->num), *den = small(&a->den);
  return a->num.n <= 2 && a->den.n <= 2;
}
