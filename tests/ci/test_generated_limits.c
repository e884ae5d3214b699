/* Inputs made from a seed (spec E9.1) show what a kernel does at its limits: a missing maximum, exp
 * that overflows, norms and roots beside eps. */
#include "made.h"

#include <criterion/criterion.h>
#include <math.h>

/* Probabilities of a row in binary32, with the maximum taken off or without. */
static void plain_softmax(float *p, const double *logits, size_t n, int without_maximum) {
  float max = without_maximum ? 0.0f : -INFINITY, sum = 0.0f;
  for (size_t i = 0; i < n && !without_maximum; i++) max = fmaxf(max, (float)logits[i]);
  for (size_t i = 0; i < n; i++) sum += p[i] = expf((float)logits[i] - max);
  for (size_t i = 0; i < n; i++) p[i] /= sum;
}

/* softmax, or logprob as the logarithm of a probability. */
static sl_outcome outcome_of_plain(const char *op, const char *temperature, const char *kind,
                                   const char *type, uint64_t seed, int without_maximum) {
  const char *const settings[2] = {temperature};
  sl_dump_case d;
  double z[100];
  float p[100];
  made_with(&d, op, NULL, settings, kind, type, seed);
  made_answer(&d, &d.c);
  for (size_t row = 0; row < sl_op_size(&d.c, 't'); row++) {
    for (size_t i = 0; i < 100; i++)
      z[i] = (double)((float)d.c.in[0][row * 100 + i] / (float)d.c.setting[0]);
    plain_softmax(p, z, 100, without_maximum);
    for (size_t i = 0; i < 100 && d.c.op == &sl_op_softmax; i++)
      d.output[0].got[row * 100 + i] = sl_format_round(d.output[0].type, (double)p[i]);
    if (d.c.op == &sl_op_logprob)
      d.output[0].got[row] =
          sl_format_round(d.output[0].type, (double)logf(p[(size_t)d.c.in[1][row]]));
  }
  const sl_outcome outcome = made_outcome(&d);
  sl_dump_case_end(&d);
  return outcome;
}

Test(generated, softmax_shows_without_its_maximum) {
  static const char *const temperatures[] = {"temperature=1", "temperature=0.7", "temperature=2"};
  for (size_t type = 0; type < MADE_TYPES; type++)
    for (uint64_t seed = 1; seed <= 9; seed++) {
      const char *t = temperatures[seed % 3], *name = made_types[type];
      cr_expect_eq(outcome_of_plain("softmax", t, "exact", name, seed, 1), SL_OUTCOME_DIFFERENT);
      cr_expect_neq(outcome_of_plain("softmax", t, "exact", name, seed, 0), SL_OUTCOME_DIFFERENT);
      cr_expect_eq(outcome_of_plain("logprob", t, "exact", name, seed, 1), SL_OUTCOME_DIFFERENT);
      cr_expect_eq(outcome_of_plain("logprob", t, "wide", name, seed, 0), SL_OUTCOME_DIFFERENT,
                   "the logarithm of a probability");
      cr_expect_eq(outcome_of_plain("logprob", t, "usual", name, seed, 0), SL_OUTCOME_DIFFERENT,
                   "the logarithm of a probability");
    }
}

/* 1 if a score of the first sequence is so high that its exp overflows. */
static int has_high_score(const char *op, const char *shape, const char *type, uint64_t seed) {
  sl_dump_case d;
  made_shape(&d, op, shape, "exact", type, seed);
  const int backward = d.c.op == &sl_op_attention_backward;
  const size_t dim = sl_op_size(&d.c, 'd'), heads = sl_op_size(&d.c, 'h'),
               groups = sl_op_size(&d.c, 'g');
  double most = 0.0;
  for (size_t row = 0; row < sl_op_size(&d.c, 'i') * heads; row++)
    for (size_t j = 0; j < (size_t)d.c.in[3 + backward][0]; j++) {
      const double *q = d.c.in[backward] + row * dim,
                   *k = d.c.in[1 + backward] + (j * groups + row % heads / (heads / groups)) * dim;
      double score = 0.0;
      for (size_t e = 0; e < dim; e++) score += q[e] * k[e];
      most = fmax(most, score / sqrt((double)dim));
    }
  sl_dump_case_end(&d);
  return most > 89.0;
}

Test(generated, attention_has_scores_whose_exp_overflows) {
  for (size_t type = 0; type < MADE_TYPES; type++)
    for (uint64_t seed = 1; seed <= 8; seed++) {
      const char *shape = seed > 4 ? "b=2,i=9,j=17,h=4,g=2,d=9" : NULL;
      cr_expect(has_high_score("attention", shape, made_types[type], seed));
      cr_expect(has_high_score("attention_backward", shape, made_types[type], seed));
    }
}

/* A small scale has larger exact queries: the gradient is not 0. */
Test(generated, attention_of_a_small_scale_is_decided) {
  static const char *const settings[2] = {"scale=1e-3"};
  for (size_t type = 0; type < MADE_TYPES; type++) {
    sl_dump_case d;
    made_with(&d, "attention_backward", NULL, settings, "exact", made_types[type], 1);
    made_answer(&d, &d.c);
    cr_expect_eq(made_outcome(&d), SL_OUTCOME_EQUAL, "%s", made_types[type]);
    sl_dump_case_end(&d);
  }
}

/* A norm's usual and wide gradients are clipped, whatever max_norm is. */
Test(generated, gradients_of_a_large_limit_are_clipped) {
  static const char *const settings[][2] = {{"max_norm=30"}, {"max_norm=1e4"}, {"max_norm=1e-3"}};
  for (size_t i = 0; i < 3; i++)
    for (size_t type = 0; type < MADE_TYPES; type++)
      for (int wide = 0; wide < 2; wide++) {
        sl_dump_case d;
        made_with(&d, "clip_grad_norm", NULL, settings[i], wide ? "wide" : "usual",
                  made_types[type], 1);
        made_answer(&d, &d.c);
        cr_expect_eq(made_outcome(&d), SL_OUTCOME_EQUAL, "%s %s", settings[i][0], made_types[type]);
        sl_dump_case_end(&d);
      }
}

/* The root of max(mean, eps), not of their sum; nor, where that is the mean, without eps. */
Test(generated, norms_show_with_the_larger_of_mean_and_eps) {
  for (size_t type = 0; type < 2; type++)
    for (uint64_t seed = 1; seed <= 4; seed++) {
      size_t below = 0, above = 0;
      sl_dump_case d;
      made(&d, "rmsnorm", "usual", made_types[type], seed);
      const size_t width = sl_op_size(&d.c, 'd');
      for (size_t row = 0; row < sl_op_size(&d.c, 't'); row++) {
        double squares = 0.0;
        for (size_t i = 0; i < width; i++) squares += pow(d.c.in[0][row * width + i], 2.0);
        const double mean = squares / (double)width, eps = d.c.setting[0];
        below += mean<eps, above += mean> eps && mean < 4.0 * eps;
      }
      cr_expect(below > 0 && above > 0, "%s: %zu rows below eps, %zu above", made_types[type],
                below, above);
      sl_dump_case_end(&d);
    }
}

/* A step by max(sqrt(v), eps), not by their sum. */
Test(generated, adamw_shows_with_the_larger_of_root_and_eps) {
  for (size_t type = 0; type < 2; type++) /* float16 does not hold the square of 1e-8 */
    for (uint64_t seed = 1; seed <= 4; seed++) {
      sl_dump_case d;
      made(&d, "adamw", "usual", made_types[type], seed);
      made_answer(&d, &d.c);
      cr_expect_eq(made_outcome(&d), SL_OUTCOME_EQUAL);
      const double *set = d.c.setting;
      cr_assert_not_null(d.output[0].got);
      for (size_t i = 0; i < d.output[0].count; i++) {
        const double *const *in = d.c.in;
        const double g = in[1][i], c1 = 1.0 - pow(set[1], set[5]), c2 = 1.0 - pow(set[2], set[5]),
                     m = (set[1] * in[2][i] + (1.0 - set[1]) * g) / c1,
                     v = (set[2] * in[3][i] + (1.0 - set[2]) * g * g) / c2,
                     p = in[0][i] * (1.0 - set[0] * set[4]);
        d.output[0].got[i] =
            sl_format_round(d.output[0].type, p - set[0] * m / fmax(sqrt(v), set[3]));
      }
      cr_expect_eq(made_outcome(&d), SL_OUTCOME_DIFFERENT, "%s, seed %d", made_types[type],
                   (int)seed);
      sl_dump_case_end(&d);
    }
}
