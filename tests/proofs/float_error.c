/* The bound of a weight's binary32 error holds at every float that is tried (spec G5.2), and a
 * kernel that computes another gate exceeds it. */
#include "proofs/float_check.h"
#include "proofs/float_error.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { TRIALS = 400, NEIGHBOURS = 65536 };

static float from_bits(uint32_t u) {
  float x;
  memcpy(&x, &u, sizeof x);
  return x;
}

/* The bound stands above what was seen, and at `limit` or below it. */
static void expect_bound(const char *name, double limit) {
  sl_gate gate;
  sl_gate_definition *def;
  sl_error err;
  sl_float_report report;
  cr_assert_eq(sl_gate_load(&gate, &def, name, NULL, 0, &err), SL_OK, "%s", err.message);
  const sl_float_options options = {.stride = 64, .threads = 1, .most = INFINITY};
  sl_float_check(&report, &gate, def, 1, &options, NULL, NULL);
  cr_expect_leq(report.ulp_seen, report.ulp_bound, "%s: %g seen, bound %g", name, report.ulp_seen,
                report.ulp_bound);
  cr_expect_leq(report.ulp_bound, limit, "%s: bound %g, limit %g", name, report.ulp_bound, limit);
  sl_gate_definition_free(def);
}

/* tau = 1: z is off by 2^-24 of itself where r - 1 is rounded (r < 1/2, r > 2^24), which costs
 * |z W'(z)| 2^-24: `worth` ulps at most. A block spans 2^-7 of r; z, W' and W are taken at its
 * ends. */
static double kernel_limit(double worth) { return 0.5 + worth * pow(1 + 0x1p-7, 3); }

Test(float_error, bounds_are_finite_and_tight) {
  expect_bound("sigmoid", kernel_limit(0.3635)); /* r = 0: tanh(1/2) sech^2(1/2) */
  expect_bound("erf", kernel_limit(0.6066));     /* r = 0: exp(-1/2) */
  expect_bound("arctan", kernel_limit(2));       /* r -> inf: z W' / W -> -2 */
  expect_bound("softsign", kernel_limit(3));     /* r -> inf: z W' / W -> -3 */
  /* Expressions: a few dozen roundings of 2^-53, worth |z| <= 104 times that at most (beyond, the
   * weight underflows): less than 2^-16 ulp. cosh overflows in gudermannian, asymmetric has a join.
   */
  static const char *const expressions[] = {"tanh", "gudermannian", "mixture", "asymmetric"};
  for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++)
    expect_bound(expressions[i], 0.5 + 0x1p-16);
}

/* How many of TRIALS floats of all magnitudes break the bound of a block around them. */
static int exceeded(const char *name, float other_tau) {
  sl_gate gate;
  sl_gate_definition *def;
  sl_error err;
  cr_assert_eq(sl_gate_load(&gate, &def, name, NULL, 0, &err), SL_OK, "%s", err.message);
  sl_float_weight k;
  sl_float_weight_init(&k, &gate, def, 0);
  if (other_tau != 0) gate.tau[0] = other_tau;
  int over = 0;
  uint64_t state = 1;
  for (int i = 0; i < TRIALS; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const uint32_t first = (uint32_t)((state >> 33) % (0x7f800000u - NEIGHBOURS)),
                   at = first + (uint32_t)(state >> 20) % NEIGHBOURS;
    double min_w;
    const double error =
        sl_float_error(&k, from_bits(first), from_bits(first + NEIGHBOURS - 1), &min_w);
    float r = from_bits(at), w;
    sl_float_weights(&k, &r, &w, 1);
    const double seen = sl_float_ulps(&k, r, w);
    int binade;
    frexp(min_w, &binade);
    const double ulp = ldexp(1.0, min_w > 0x1p-126 ? binade - 24 : -149);
    over += seen > 0.5 + error / ulp;
  }
  sl_float_weight_clear(&k);
  sl_gate_definition_free(def);
  return over;
}

Test(float_error, no_float_that_is_tried_exceeds_its_bound) {
  static const char *const names[] = {"sigmoid", "erf",     "arctan",  "softsign",
                                      "tanh",    "quartic", "student", "asymmetric"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    cr_expect_eq(exceeded(names[i], 0), 0, "%s", names[i]);
}

Test(float_error, a_kernel_with_another_tau_exceeds_it) {
  cr_expect_gt(exceeded("sigmoid", 1.0500002f), 0);
}
