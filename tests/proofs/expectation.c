/* The mean of f' over log-normal ratios: against closed forms, against sums of another kind, and
 * against means of another distribution, which must not fit. */
#include "proofs/prover/expectation.h"

#include <arb_hypgeom.h>
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static void load(const char *name, sl_gate_definition **def) {
  sl_gate gate;
  sl_error err;
  cr_assert_eq(sl_gate_load(&gate, def, name, NULL, 0, &err), SL_OK, "%s", err.message);
}

static void mean_of(arb_t out, const sl_gate_definition *def, int positive, sl_decimal spread) {
  sl_cell cell;
  sl_problem p;
  arf_t bound;
  memset(&cell, 0, sizeof cell);
  for (int i = 0; i < def->param_count; i++)
    cell.low[i] = cell.high[i] = def->param[i].value[positive];
  arf_init(bound);
  cr_assert(sl_problem_init(&p, def, positive, &cell));
  cr_assert(sl_weight_bound(bound, &p, 1));
  sl_expected_weight(out, &p, spread, bound, SL_EXPECTATION_BITS);
  sl_problem_clear(&p);
  arf_clear(bound);
}

/* Phi((log c + sign s^2/2)/s), the probability that r <= c, with log c and s as given. */
static void probability(arb_t out, const char *c, const char *s, int sign) {
  arb_t t, spread;
  arb_init(t), arb_init(spread);
  arb_set_str(t, c, 200), arb_set_str(spread, s, 200);
  arb_log(t, t, 200);
  arb_div(t, t, spread, 200);
  arb_mul_2exp_si(out, spread, -1);
  if (sign < 0) arb_neg(out, out);
  arb_add(out, out, t, 200);
  arb_sqrt_ui(t, 2, 200);
  arb_div(out, out, t, 200);
  arb_neg(out, out);
  arb_hypgeom_erfc(out, out, 200);
  arb_mul_2exp_si(out, out, -1);
  arb_clear(t), arb_clear(spread);
}

/* clip for A > 0 has f' = 1 up to r = 1.2. */
Test(expectation, clip_is_a_probability) {
  static const struct {
    const char *text;
    sl_decimal spread;
  } rows[] = {{"0.1", {1, -1}}, {"0.3", {3, -1}}, {"1", {1, 0}}, {"4", {4, 0}}};
  sl_gate_definition *def;
  arb_t mean, exact;
  arb_init(mean), arb_init(exact);
  load("clip", &def);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    mean_of(mean, def, 1, rows[i].spread);
    probability(exact, "1.2", rows[i].text, 1);
    cr_expect(arb_contains(mean, exact), "spread %s", rows[i].text);
    cr_expect(mag_cmp_2exp_si(arb_radref(mean), -43) <= 0);
    probability(exact, "1.2", rows[i].text, -1); /* planted: the mean of log r is +s^2/2 */
    cr_expect(!arb_overlaps(mean, exact));
    probability(exact, "1.2000001", rows[i].text, 1); /* planted: another edge */
    cr_expect(!arb_overlaps(mean, exact));
  }
  arb_clear(mean), arb_clear(exact);
  sl_gate_definition_free(def);
}

Test(expectation, no_gate_has_mean_one) {
  sl_gate_definition *def;
  arb_t mean;
  arb_init(mean);
  load("identity", &def);
  mean_of(mean, def, 1, (sl_decimal){1, 0});
  cr_expect(arb_contains_si(mean, 1));
  cr_expect(mag_cmp_2exp_si(arb_radref(mean), -43) <= 0);
  arb_clear(mean);
  sl_gate_definition_free(def);
}

/* Sums over cells of q, of f' at the cell's ends times its probability: f' rises up to r = 1 and
 * falls beyond, so the smaller ones bound the mean from below, the larger ones from above. */
static void sums(const sl_gate_definition *def, double spread, double *low, double *high) {
  enum { CELLS = 40000 };
  const double far = 9, step = 2 * far / CELLS;
  double before_w = 0, before_p = 0;
  *low = *high = 0;
  for (int i = 0; i <= CELLS; i++) {
    const double q = -far + step * i, r = exp(spread * q - spread * spread / 2),
                 p = 0.5 * erfc(-q / sqrt(2));
    double f, w;
    sl_gate_evaluate64(def, 1, &r, &f, &w, 1);
    if (i) {
      /* the cell that holds r = 1 has f' up to 1 */
      const double before_r = exp(spread * (q - step) - spread * spread / 2);
      *low += fmin(w, before_w) * (p - before_p);
      *high += (before_r < 1 && r > 1 ? 1 : fmax(w, before_w)) * (p - before_p);
    }
    before_w = w, before_p = p;
  }
}

/* A cell's probability is at most step/sqrt(2 pi), and f' varies by at most 2 in all: so the sums
 * are at most 2 step apart. 40,000 roundings of values below 1, and erfc, are below 40,000 2^-50.
 */
Test(expectation, smooth_gates_lie_between_sums) {
  static const char *const names[] = {"sigmoid",  "erf",          "arctan",
                                      "softsign", "gudermannian", "mixture"};
  arb_t mean, ends;
  arb_init(mean), arb_init(ends);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    sl_gate_definition *def;
    double low, high;
    const double rounding = 40000 * 0x1p-50;
    load(names[i], &def);
    mean_of(mean, def, 1, (sl_decimal){5, -1});
    sums(def, 0.5, &low, &high);
    cr_assert_lt(high - low, 2 * 18.0 / 40000);
    const double middle = arf_get_d(arb_midref(mean), ARF_RND_NEAR);
    cr_expect(middle >= low - rounding && middle <= high + rounding, "%s: %.12g not in [%g, %g]",
              names[i], middle, low, high);
    cr_expect(mag_cmp_2exp_si(arb_radref(mean), -43) <= 0, "%s", names[i]);
    sums(def, 0.51, &low, &high); /* planted: another spread */
    cr_expect(!(middle >= low - rounding && middle <= high + rounding), "%s", names[i]);
    sl_gate_definition_free(def);
  }
  arb_clear(mean), arb_clear(ends);
}
