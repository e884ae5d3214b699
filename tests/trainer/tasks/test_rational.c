/* The bounded rationals of grading beside GMP's (spec F3.13, step 5). */
#include "trainer/tasks/rational.h"

#include <sluice/random.h>

#include <criterion/criterion.h>
#include <gmp.h>
#include <stdint.h>

static const uint64_t seed = 1;
static uint32_t next;

static uint64_t draw(uint64_t n) {
  return sl_multiply_high(sl_random_u64(seed, next++, 0, 0, SL_RANDOM_TEST), n);
}

static void import(mpz_t out, const sl_natural *a) {
  mpz_import(out, a->n, -1, sizeof a->limb[0], 0, 0, a->limb);
}

static void to_gmp(mpq_t out, const sl_rational *a) {
  import(mpq_numref(out), &a->num), import(mpq_denref(out), &a->den);
  if (a->negative) mpq_neg(out, out);
}

/* Up to 512 bits above and below, often with common factors. */
static sl_rational some_rational(void) {
  sl_rational a = sl_rational_of(draw(1000), 1 + draw(1000)), more;
  const uint64_t factors = draw(18);
  for (uint64_t i = 0; i < factors; i++) {
    const sl_rational f = sl_rational_of(draw(UINT32_MAX), 1 + draw(draw(2) ? 6 : UINT32_MAX));
    if (sl_rational_multiply(&more, &a, &f)) a = more;
  }
  a.negative = draw(2) && !sl_rational_is_zero(&a);
  return a;
}

static int is_bounded(const mpq_t a) {
  return mpz_sizeinbase(mpq_numref(a), 2) <= SL_NATURAL_BITS &&
         mpz_sizeinbase(mpq_denref(a), 2) <= SL_NATURAL_BITS;
}

Test(rational, sums_and_products_are_gmps_and_refused_only_beyond_the_bound) {
  mpq_t x, y, wanted, got;
  size_t refused = 0;
  mpq_inits(x, y, wanted, got, NULL);
  for (int i = 0; i < 4000; i++) {
    const sl_rational a = some_rational(), b = some_rational();
    const int sum = i & 1;
    sl_rational c;
    to_gmp(x, &a), to_gmp(y, &b);
    (sum ? mpq_add : mpq_mul)(wanted, x, y);
    const int done = (sum ? sl_rational_add : sl_rational_multiply)(&c, &a, &b);
    cr_assert_eq(done, is_bounded(wanted), "pair %d", i);
    refused += !done;
    if (!done) continue;
    to_gmp(got, &c);
    cr_assert(mpz_cmp(mpq_numref(got), mpq_numref(wanted)) == 0 &&
                  mpz_cmp(mpq_denref(got), mpq_denref(wanted)) == 0,
              "pair %d: in lowest terms", i);
    cr_assert(c.num.n > 0 || !c.negative, "pair %d: -0", i);
  }
  cr_expect(refused > 100 && refused < 3900, "both happen: %zu refused", refused);
  mpq_clears(x, y, wanted, got, NULL);
}

/* sqrt(n) = r sqrt(root), root without a square factor. */
Test(rational, roots_have_their_normal_form) {
  for (uint64_t i = 1; i <= 6000; i++) {
    const uint64_t n = i <= 3000 ? i : 1 + draw(SL_ROOT_MAX);
    const sl_rational r = sl_rational_of(n, 1);
    const sl_number a = sl_number_of(&r);
    sl_number root;
    uint64_t num, den;
    int left = 100;
    cr_assert(sl_number_root(&root, &a, 2, &left), "sqrt %llu", (unsigned long long)n);
    cr_assert(root.n == 1 && sl_rational_small(&root.term[0].r, &num, &den) && den == 1);
    cr_assert_eq(num * num * root.term[0].root, n);
    for (uint64_t d = 2; i <= 3000 && d * d <= root.term[0].root; d++)
      cr_assert_neq(root.term[0].root % (d * d), 0, "sqrt %llu", (unsigned long long)n);
  }
}
