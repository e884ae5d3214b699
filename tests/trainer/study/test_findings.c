/* Verdicts on planted measures: what the paper says is seen, its reverse is opposite, noise and few
 * seeds decide nothing, and a baseline that does not clip gives no verdict. */
#include "trainer/study/findings.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SEEDS = 5, ARMS = 8, ROLLOUTS = 100 };

/* clip; four gates at 10/12; sigmoid at three more taus. */
static const struct {
  const char *gate, *tau;
} rows[ARMS] = {{"", ""},
                {"sigmoid", "10/12"},
                {"erf", "10/12"},
                {"arctan", "10/12"},
                {"softsign", "10/12"},
                {"sigmoid", "13/15"},
                {"sigmoid", "1/1.05"},
                {"sigmoid", "5/6"}};

typedef struct {
  sl_study study;
  sl_study_arm arm[ARMS];
  sl_study_table table;
  sl_study_run run[ARMS * SEEDS];
  sl_study_result result[ARMS * SEEDS];
  sl_study_results results;
  sl_findings findings;
} planted;

static void begin(planted *p, size_t seeds) {
  memset(p, 0, sizeof *p);
  for (size_t a = 0; a < ARMS; a++) {
    snprintf(p->arm[a].name, sizeof p->arm[a].name, "%s", *rows[a].gate ? rows[a].gate : "clip");
    snprintf(p->arm[a].gate, sizeof p->arm[a].gate, "%s", rows[a].gate);
    snprintf(p->arm[a].tau, sizeof p->arm[a].tau, "%s", rows[a].tau);
  }
  p->study = (sl_study){.seeds = seeds, .arm = p->arm, .arms = ARMS};
  p->study.roles = (sl_study_roles){0, SL_STUDY_NONE, SL_STUDY_NONE, "10/12", 0.9, 0.5};
  for (size_t i = 0; i < ARMS * SEEDS; i++) {
    p->run[i].steps = ROLLOUTS;
    p->result[i].present = 1;
    for (int m = 0; m < SL_MEASURE_COUNT; m++) p->result[i].measure[m] = 1;
  }
  p->table = (sl_study_table){.study = &p->study, .run = p->run, .n = ARMS * seeds};
  p->results = (sl_study_results){.table = &p->table, .result = p->result, .exercised = 1};
}

static double *at(planted *p, size_t arm, size_t seed) {
  return p->result[seed * ARMS + arm].measure;
}

/* Something that differs by seed and arm, in [-1, 1]. */
static double noise(size_t arm, size_t seed) {
  static const double of[] = {0.3, -0.7, 1, -0.4, 0.1, -1, 0.6};
  return of[(3 * arm + 2 * seed) % 7];
}

/* sign 1: as the paper has it, by far more than the noise; -1: the reverse; 0: noise alone. */
static void plant(planted *p, double sign) {
  for (size_t a = 0; a < ARMS; a++)
    for (size_t s = 0; s < SEEDS; s++) {
      double *m = at(p, a, s);
      const double clip = a == 0,
                   tau = a == 5   ? 13
                         : a == 6 ? 1
                         : a == 7 ? 5
                                  : 10,
                   best = tau == 10, e = 0.01 * noise(a, s);
      m[SL_MEASURE_REWARD] = 1 - 0.2 * sign * clip + e;
      m[SL_MEASURE_REWARD_LATE] = 1 + 0.2 * sign * best + e;
      m[SL_MEASURE_SUCCESS] = 0.5 - 0.2 * sign * clip + e;
      m[SL_MEASURE_EUR] = 0.8 - 0.1 * sign * log(tau) + 0.3 * clip * sign + e;
      m[SL_MEASURE_ENTROPY] = 1 + 0.001 * noise(s, a);
      m[SL_MEASURE_ENTROPY_EARLY] = 1;
      m[SL_MEASURE_ENTROPY_LATE] = 0.9 - 0.2 * sign * (clip ? 1 : -1) + e;
      m[SL_MEASURE_FORMAT_TIME] = 20 * exp(0.5 * sign * clip) + e;
    }
}

/* Entropy that falls with EUR, steeply. The paper's two findings on entropy by tau cannot both
 * hold where EUR falls as tau rises: each is planted alone. */
static void plant_entropy(planted *p, double by_eur, double by_tau) {
  for (size_t a = 0; a < ARMS; a++)
    for (size_t s = 0; s < SEEDS; s++) {
      double *m = at(p, a, s);
      m[SL_MEASURE_ENTROPY] -= by_eur * m[SL_MEASURE_EUR] - by_tau * (a == 7);
    }
}

static sl_verdict verdict(const planted *p, const char *key) {
  for (size_t i = 0; i < p->findings.n; i++)
    if (strcmp(p->findings.finding[i].key, key) == 0) return p->findings.finding[i].verdict;
  cr_assert_fail("no finding %s", key);
  return SL_VERDICT_NOT_ASKED;
}

static void expect_all(const planted *p, sl_verdict wanted, const char *but) {
  cr_expect_eq(p->findings.n, 9);
  for (size_t i = 0; i < p->findings.n; i++) {
    const sl_finding *f = &p->findings.finding[i];
    if (strcmp(f->key, but) == 0) continue;
    cr_expect_eq(f->verdict, wanted, "%s: %s, p %g", f->key, sl_verdict_words[f->verdict],
                 f->adjusted);
  }
}

Test(study_findings, what_the_paper_says_is_seen) {
  static planted p;
  begin(&p, SEEDS);
  plant(&p, 1);
  plant_entropy(&p, 2, 0);
  sl_findings_make(&p.findings, &p.results);
  expect_all(&p, SL_VERDICT_SEEN, "tau-entropy");
  plant(&p, 1);
  plant_entropy(&p, 0, 1);
  sl_findings_make(&p.findings, &p.results);
  cr_expect_eq(verdict(&p, "tau-entropy"), SL_VERDICT_SEEN);
}

Test(study_findings, the_reverse_is_opposite) {
  static planted p;
  begin(&p, SEEDS);
  plant(&p, -1);
  plant_entropy(&p, -2, -1);
  sl_findings_make(&p.findings, &p.results);
  expect_all(&p, SL_VERDICT_OPPOSITE, "tau-entropy");
  plant(&p, -1);
  plant_entropy(&p, 0, -1);
  sl_findings_make(&p.findings, &p.results);
  cr_expect_eq(verdict(&p, "tau-entropy"), SL_VERDICT_OPPOSITE);
}

Test(study_findings, noise_decides_nothing) {
  static planted p;
  begin(&p, SEEDS);
  plant(&p, 0);
  sl_findings_make(&p.findings, &p.results);
  expect_all(&p, SL_VERDICT_UNDECIDED, "");
}

Test(study_findings, two_seeds_decide_nothing) {
  static planted p;
  begin(&p, 2);
  plant(&p, 1);
  sl_findings_make(&p.findings, &p.results);
  expect_all(&p, SL_VERDICT_UNDECIDED, "");
  cr_expect(isnan(p.findings.finding[0].p) && isnan(p.findings.finding[0].adjusted));
}

Test(study_findings, without_clipping_there_is_no_verdict) {
  static planted p;
  begin(&p, SEEDS);
  plant(&p, 1);
  p.results.exercised = 0;
  sl_findings_make(&p.findings, &p.results);
  expect_all(&p, SL_VERDICT_NOT_EXERCISED, "");
}

/* One gate on the other side: the claim is of every gate. */
Test(study_findings, one_gate_on_the_other_side_is_said) {
  static planted p;
  begin(&p, SEEDS);
  plant(&p, 1);
  for (size_t s = 0; s < SEEDS; s++) at(&p, 3, s)[SL_MEASURE_REWARD] -= 0.5;
  sl_findings_make(&p.findings, &p.results);
  cr_expect_eq(verdict(&p, "reward"), SL_VERDICT_UNDECIDED);
  cr_expect(p.findings.finding[0].mixed);
  cr_expect_eq(p.findings.finding[0].p, 1.0);
}

/* Censored times: the run's length stands for one, and two of a seed give no number. */
Test(study_findings, times_that_were_not_reached) {
  static planted p;
  begin(&p, SEEDS);
  plant(&p, 1);
  for (size_t s = 0; s < SEEDS; s++) at(&p, 0, s)[SL_MEASURE_FORMAT_TIME] = INFINITY;
  at(&p, 1, 2)[SL_MEASURE_FORMAT_TIME] = INFINITY;
  sl_findings_make(&p.findings, &p.results);
  cr_expect_eq(verdict(&p, "format"), SL_VERDICT_SEEN);
  const sl_contrast *c = p.findings.finding[1].contrast;
  cr_expect(c->left_out == 1 && c->estimate.n == 4);
  cr_expect(c->estimate.high > log(4.99) && c->estimate.low < log(5.01)); /* 100 rollouts to 20 */
}

Test(study_findings, arms_that_are_not_there_are_not_asked_for) {
  static planted p;
  begin(&p, SEEDS);
  plant(&p, 1);
  p.study.roles.baseline = SL_STUDY_NONE;
  sl_findings_make(&p.findings, &p.results);
  cr_expect_eq(verdict(&p, "reward"), SL_VERDICT_NOT_ASKED);
  cr_expect_eq(verdict(&p, "eur-tau"), SL_VERDICT_SEEN);
}
