/* Which numbers each of the paper's findings is about. Nothing here is chosen by what was
 * measured: windows, margins and directions are the paper's, or fixed before the first run. */
#include "findings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const sl_study_results *results;
  const sl_study *study;
  sl_study_cast part;
} scene;

static double tau_of(const sl_study_arm *arm) { return strtod(arm->tau, NULL); }

static size_t rungs(const sl_study *s, const char *gate) {
  size_t n = 0;
  for (size_t i = 0; i < s->arms; i++) n += *s->arm[i].tau && strcmp(s->arm[i].gate, gate) == 0;
  return n;
}

static void find_ladder(sl_study_cast *c, const sl_study *s) {
  const char *gate = NULL;
  for (size_t i = 0; i < s->arms; i++)
    if (*s->arm[i].tau && *s->arm[i].gate && rungs(s, s->arm[i].gate) > 1 &&
        (!gate || rungs(s, s->arm[i].gate) > rungs(s, gate)))
      gate = s->arm[i].gate;
  for (size_t i = 0; gate && i < s->arms && c->ladders < SL_CONTRASTS_MAX; i++) {
    if (!*s->arm[i].tau || strcmp(s->arm[i].gate, gate) != 0) continue;
    size_t at = c->ladders++;
    for (; at > 0 && tau_of(&s->arm[c->ladder[at - 1]]) > tau_of(&s->arm[i]); at--)
      c->ladder[at] = c->ladder[at - 1];
    c->ladder[at] = i;
  }
  for (size_t k = 0; k < c->ladders; k++)
    if (strcmp(s->arm[c->ladder[k]].tau, s->roles.tau) == 0) c->main = k;
}

sl_study_cast sl_study_find_cast(const sl_study *s) {
  sl_study_cast c = {.baseline = s->roles.baseline, .main = SL_STUDY_NONE};
  for (size_t i = 0; i < s->arms && c.gates < SL_CONTRASTS_MAX; i++)
    if (*s->arm[i].gate && *s->roles.tau && strcmp(s->arm[i].tau, s->roles.tau) == 0)
      c.gate[c.gates++] = i;
  find_ladder(&c, s);
  return c;
}

static double of(const scene *c, size_t arm, size_t seed, sl_measure m) {
  return sl_study_measure_of(c->results, arm, seed, m);
}

static const char *name(const scene *c, size_t arm) { return c->study->arm[arm].name; }

static sl_finding *begin(sl_findings *all, const char *key, const char *claim, const char *method) {
  sl_finding *f = &all->finding[all->n++];
  *f = (sl_finding){.key = key, .claim = claim, .method = method};
  return f;
}

static sl_contrast *add(sl_finding *f, const double *value, size_t seeds) {
  sl_contrast *k = &f->contrast[f->n++];
  *k = (sl_contrast){.estimate = sl_estimate_make(value, seeds)};
  k->left_out = seeds - k->estimate.n;
  return k;
}

/* Gate less baseline, in one measure. */
static void against_baseline(const scene *c, sl_finding *f, sl_measure m) {
  double value[SL_STUDY_SEEDS_MAX];
  for (size_t g = 0; c->part.baseline != SL_STUDY_NONE && g < c->part.gates; g++) {
    for (size_t s = 0; s < c->study->seeds; s++)
      value[s] = of(c, c->part.gate[g], s, m) - of(c, c->part.baseline, s, m);
    snprintf(add(f, value, c->study->seeds)->label, sizeof f->contrast->label, "%s less %s",
             name(c, c->part.gate[g]), name(c, c->part.baseline));
  }
}

/* log(time of the baseline / time of the gate). A time that was not reached is longer than the
 * run: the run's length stands for it, which moves the ratio towards 1. Where neither was reached
 * there is no number. */
static double log_ratio(double baseline, double gate, double length) {
  if (isnan(baseline) || isnan(gate) || (isinf(baseline) && isinf(gate))) return (double)NAN;
  return log((isinf(baseline) ? length : baseline) / (isinf(gate) ? length : gate));
}

static void sooner(const scene *c, sl_finding *f, sl_measure m) {
  double value[SL_STUDY_SEEDS_MAX];
  for (size_t g = 0; c->part.baseline != SL_STUDY_NONE && g < c->part.gates; g++) {
    for (size_t s = 0; s < c->study->seeds; s++) {
      const sl_study_table *t = c->results->table;
      const double length = (double)t->run[t->warm + s * c->study->arms + c->part.baseline].steps;
      value[s] = log_ratio(of(c, c->part.baseline, s, m), of(c, c->part.gate[g], s, m), length);
    }
    sl_contrast *k = add(f, value, c->study->seeds);
    k->ratio = 1;
    snprintf(k->label, sizeof k->label, "time of %s by that of %s", name(c, c->part.baseline),
             name(c, c->part.gate[g]));
  }
}

/* Falls by a slope over several arms, seed by seed: minus the slope. x: NULL is ln tau. */
static void falls(const scene *c, sl_finding *f, const size_t *arm, size_t arms,
                  const sl_measure *x, sl_measure y, const char *label) {
  double value[SL_STUDY_SEEDS_MAX], px[SL_CONTRASTS_MAX + 1], py[SL_CONTRASTS_MAX + 1];
  if (arms < 2) return;
  for (size_t s = 0; s < c->study->seeds; s++) {
    for (size_t i = 0; i < arms; i++) {
      px[i] = x ? of(c, arm[i], s, *x) : log(tau_of(&c->study->arm[arm[i]]));
      py[i] = of(c, arm[i], s, y);
    }
    value[s] = -sl_slope(px, py, arms);
  }
  snprintf(add(f, value, c->study->seeds)->label, sizeof f->contrast->label, "%s", label);
}

static void entropy_by_eur(const scene *c, sl_finding *f) {
  static const sl_measure eur = SL_MEASURE_EUR;
  size_t arm[SL_CONTRASTS_MAX + 1], n = 0;
  falls(c, f, c->part.ladder, c->part.ladders, &eur, SL_MEASURE_ENTROPY,
        "by tau: fall of entropy for 1 of EUR");
  if (c->part.baseline == SL_STUDY_NONE || c->part.gates == 0) return;
  for (size_t g = 0; g < c->part.gates; g++) arm[n++] = c->part.gate[g];
  arm[n++] = c->part.baseline;
  falls(c, f, arm, n, &eur, SL_MEASURE_ENTROPY, "by gate: fall of entropy for 1 of EUR");
}

/* Entropy decays if more than a tenth of it goes from the first tenth of a run to the last. */
static void decays(const scene *c, sl_finding *f, size_t arm, int expected) {
  double value[SL_STUDY_SEEDS_MAX];
  for (size_t s = 0; s < c->study->seeds; s++) {
    const double kept =
        of(c, arm, s, SL_MEASURE_ENTROPY_LATE) - 0.9 * of(c, arm, s, SL_MEASURE_ENTROPY_EARLY);
    value[s] = expected ? -kept : kept;
  }
  snprintf(add(f, value, c->study->seeds)->label, sizeof f->contrast->label,
           expected ? "%s: 0.9 early less late" : "%s: late less 0.9 early", name(c, arm));
}

/* The ladder's arm at compare.tau less each of the others. */
static void best_tau(const scene *c, sl_finding *f) {
  double value[SL_STUDY_SEEDS_MAX];
  if (c->part.main == SL_STUDY_NONE) return;
  for (size_t k = 0; k < c->part.ladders; k++) {
    if (k == c->part.main) continue;
    for (size_t s = 0; s < c->study->seeds; s++)
      value[s] = of(c, c->part.ladder[c->part.main], s, SL_MEASURE_REWARD_LATE) -
                 of(c, c->part.ladder[k], s, SL_MEASURE_REWARD_LATE);
    snprintf(add(f, value, c->study->seeds)->label, sizeof f->contrast->label, "%s less %s",
             name(c, c->part.ladder[c->part.main]), name(c, c->part.ladder[k]));
  }
}

static void lower_tau_entropy(const scene *c, sl_finding *f) {
  double value[SL_STUDY_SEEDS_MAX];
  if (c->part.main == SL_STUDY_NONE || c->part.main == 0) return;
  const size_t low = c->part.ladder[c->part.main - 1], main = c->part.ladder[c->part.main];
  for (size_t s = 0; s < c->study->seeds; s++)
    value[s] = of(c, low, s, SL_MEASURE_ENTROPY) - of(c, main, s, SL_MEASURE_ENTROPY);
  snprintf(add(f, value, c->study->seeds)->label, sizeof f->contrast->label, "%s less %s",
           name(c, low), name(c, main));
}

void sl_findings_make(sl_findings *out, const sl_study_results *r) {
  const scene c = {r, r->table->study, sl_study_find_cast(r->table->study)};
  sl_finding *f;
  out->n = 0;
  f = begin(out, "reward", "Rewards rise faster under every smooth gate than under clip",
            "mean reward of all rollouts");
  against_baseline(&c, f, SL_MEASURE_REWARD);
  f = begin(out, "format", "The format is learnt sooner (the paper: about 4 times)",
            "ratio of the times at which the format reward reaches its threshold");
  sooner(&c, f, SL_MEASURE_FORMAT_TIME);
  f = begin(out, "eur-tau", "EUR falls as tau rises", "fall of EUR for a factor e of tau");
  falls(&c, f, c.part.ladder, c.part.ladders, NULL, SL_MEASURE_EUR,
        "fall of EUR for a factor e of tau");
  f = begin(out, "entropy-eur", "Entropy rises as EUR falls",
            "slope of mean entropy over EUR, seed by seed, nats a token");
  entropy_by_eur(&c, f);
  f = begin(out, "clip-entropy", "Entropy decays under clip",
            "more than a tenth of the first tenth's entropy is gone in the last, nats a token");
  if (c.part.baseline != SL_STUDY_NONE) decays(&c, f, c.part.baseline, 1);
  f = begin(out, "gate-entropy", "Entropy does not decay under the smooth gates",
            "no more than a tenth is gone, nats a token");
  for (size_t g = 0; g < c.part.gates; g++) decays(&c, f, c.part.gate[g], 0);
  f = begin(out, "accuracy", "Accuracy after training is above clip's (as on GSM8K)",
            "held-out success after training, a share");
  against_baseline(&c, f, SL_MEASURE_SUCCESS);
  f = begin(out, "tau-best", "tau 10/12 is the best", "reward of the last tenth");
  best_tau(&c, f);
  f = begin(out, "tau-entropy", "A lower tau (5) gives higher entropy",
            "mean entropy of all rollouts, nats a token");
  lower_tau_entropy(&c, f);
  sl_findings_judge(out, r->exercised);
}
