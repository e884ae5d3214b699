/* The published methods as settings of the objective (spec O6.1, O6.2): each against its own
 * paper's formula, written here in binary64. */
#include "objective_step.h"

#include <criterion/criterion.h>
#include <math.h>

/* A method: its settings, and what multiplies -A c in a token's gradient, as a function of
 * the ratio. */
typedef struct {
  const char *name;
  double (*factor)(double r, double a);
  sl_gate gate;
  sl_level level;
  sl_aggregation aggregation;
  sl_advantage_kind advantage;
  int on_policy;
} method;

static double clipped(double r, double a, double low, double high) {
  /* min(r A, clip(r, 1 - low, 1 + high) A): the gradient is r where the first is the smaller */
  const double c = fmin(fmax(r, 1.0 - low), 1.0 + high);
  return r * a <= c * a ? r : 0.0;
}
static double ppo(double r, double a) { return clipped(r, a, 0.2, 0.2); }
static double clip_higher(double r, double a) { return clipped(r, a, 0.2, 0.28); }
static double gspo(double r, double a) { return clipped(r, a, 3e-4, 4e-4); }
static double sapo(double r, double a) {
  const double s = 1.0 / (1.0 + exp(-(a > 0.0 ? 1.0 : (double)1.05f) * (r - 1.0)));
  return 4.0 * s * (1.0 - s) * r;
}
static double one(double r, double a) {
  (void)r, (void)a;
  return 1.0;
}
#define CAP 3.0f
static double capped(double r, double a) {
  (void)a;
  return fmin(r, (double)CAP);
}
static void cispo(const void *unused, int positive, float r, float *f, float *w) {
  (void)unused, (void)positive;
  *f = NAN, *w = fminf(1.0f, CAP / r);
}

static const method methods[] = {
    {"GRPO",
     ppo,
     {.family = {SL_GATE_CLIP, SL_GATE_CLIP}, .clip_low = 0.2, .clip_high = 0.2},
     SL_LEVEL_TOKEN,
     SL_AGG_SEQUENCE_MEAN,
     SL_ADV_STD_SAMPLE,
     0},
    {"PPO, clip-higher",
     clip_higher,
     {.family = {SL_GATE_CLIP, SL_GATE_CLIP}, .clip_low = 0.2, .clip_high = 0.28},
     SL_LEVEL_TOKEN,
     SL_AGG_TOKEN_MEAN,
     SL_ADV_NO_STD,
     0},
    {"DAPO",
     clip_higher,
     {.family = {SL_GATE_CLIP, SL_GATE_CLIP}, .clip_low = 0.2, .clip_high = 0.28},
     SL_LEVEL_TOKEN,
     SL_AGG_TOKEN_MEAN,
     SL_ADV_STD_POPULATION,
     0},
    {"Dr.GRPO",
     ppo,
     {.family = {SL_GATE_CLIP, SL_GATE_CLIP}, .clip_low = 0.2, .clip_high = 0.2},
     SL_LEVEL_TOKEN,
     SL_AGG_CONSTANT,
     SL_ADV_NO_STD,
     0},
    {"RLOO",
     one,
     {.family = {SL_GATE_IDENTITY, SL_GATE_IDENTITY}},
     SL_LEVEL_SEQUENCE,
     SL_AGG_CONSTANT,
     SL_ADV_LEAVE_ONE_OUT,
     1},
    {"GSPO",
     gspo,
     {.family = {SL_GATE_CLIP, SL_GATE_CLIP}, .clip_low = 3e-4, .clip_high = 4e-4},
     SL_LEVEL_SEQUENCE,
     SL_AGG_SEQUENCE_MEAN,
     SL_ADV_STD_POPULATION,
     0},
    {"SAPO",
     sapo,
     {.family = {SL_GATE_SIGMOID, SL_GATE_SIGMOID}, .tau = {1.05f, 1.0f}},
     SL_LEVEL_TOKEN,
     SL_AGG_SEQUENCE_MEAN,
     SL_ADV_STD_POPULATION,
     0},
    {"CISPO",
     capped,
     {.family = {SL_GATE_EXPRESSION, SL_GATE_EXPRESSION}, .function = cispo},
     SL_LEVEL_TOKEN,
     SL_AGG_TOKEN_MEAN,
     SL_ADV_STD_POPULATION,
     0},
};

#define LENGTH_CONSTANT 32.0
#define EPS 1e-6

/* A group of four sequences; log-ratios are multiples of 2^-6 below 1.5 in size, so that their
 * differences are exact. */
static step four_sequences(source *s, int on_policy) {
  step p = {.n_groups = 1, .n_seq = 4, .group = {0, 4}, .reward = {1.0, 0.0, 0.0, 0.5}};
  for (size_t i = 0; i < 4; i++) {
    p.seq[i + 1] = p.seq[i] + 5 + next_below(s, 9);
    for (size_t t = p.seq[i]; t < p.seq[i + 1]; t++) {
      p.mask[t] = next_below(s, 5) != 0 || t == p.seq[i];
      p.old[t] = -2.0f,
      p.new[t] = on_policy ? -2.0f : -2.0f + ((float)next_below(s, 193) - 96.0f) * 0x1p-6f;
      p.tokens[i] += p.mask[t];
    }
  }
  p.t = p.seq[4];
  return p;
}

static double mean_of(const double *x, size_t n) {
  double sum = 0.0;
  for (size_t i = 0; i < n; i++) sum += x[i];
  return sum / (double)n;
}

static double advantage_of(const method *m, const step *p, size_t i) {
  const double mean = mean_of(p->reward, 4), c = p->reward[i] - mean;
  double squares = 0.0;
  for (size_t k = 0; k < 4; k++) squares += (p->reward[k] - mean) * (p->reward[k] - mean);
  if (m->advantage == SL_ADV_LEAVE_ONE_OUT) return p->reward[i] - (4.0 * mean - p->reward[i]) / 3.0;
  if (m->advantage == SL_ADV_NO_STD) return c;
  return c / (sqrt(squares / (m->advantage == SL_ADV_STD_SAMPLE ? 3.0 : 4.0)) + EPS);
}

static double coefficient_of(const method *m, const step *p, size_t i) {
  const double n = (double)p->tokens[i],
               all = (double)(p->tokens[0] + p->tokens[1] + p->tokens[2] + p->tokens[3]);
  return m->aggregation == SL_AGG_SEQUENCE_MEAN ? 0.25 / n
         : m->aggregation == SL_AGG_TOKEN_MEAN  ? 1.0 / all
                                                : 0.25 / LENGTH_CONSTANT;
}

static double ratio_of(const method *m, const step *p, size_t i, size_t t) {
  if (m->level == SL_LEVEL_TOKEN) return exp((double)p->new[t] - (double)p->old[t]);
  double sum = 0.0;
  for (size_t k = p->seq[i]; k < p->seq[i + 1]; k++)
    if (p->mask[k]) sum += (double)p->new[k] - (double)p->old[k];
  return exp(sum / (double)p->tokens[i]);
}

/* d has these roundings of u = 2^-24 relative: A, a, exp, w, w r, d: 6, and at sequence level X,
 * which |X| < 1.5 makes 1.5 more. Those of r (1 u), r - 1 and z reach w through z: with r < 4.5 and
 * |z| < 3.7 they move it by 4.8, 3.7 and 3.7 u at most, and w by less than that relative, since
 * |w'/w| = tanh(|z|/2) < 1. So at most 7.5 + 12.2 < 20 u. */
#define LIMIT (20.0 * 0x1p-24)

static void check_method(const method *m, uint64_t seed, int *gated, int *passed) {
  source s = seeded(seed);
  step p = four_sequences(&s, m->on_policy);
  const sl_objective o = {.gate = m->gate, .level = m->level};
  sl_error err;
  cr_assert_eq(sl_advantages(p.advantage, NULL, p.reward, p.group, 1, m->advantage, EPS, &err),
               SL_OK, "%s", err.message);
  cr_assert_eq(
      sl_objective_coefficients(p.coefficient, p.tokens, 4, m->aggregation, LENGTH_CONSTANT, &err),
      SL_OK, "%s", err.message);
  const outcome got = loss_of(&p, &o);
  for (size_t i = 0; i < 4; i++)
    for (size_t t = p.seq[i]; t < p.seq[i + 1]; t++) {
      const double a = advantage_of(m, &p, i), r = ratio_of(m, &p, i, t), factor = m->factor(r, a);
      const double want = p.mask[t] ? -a * coefficient_of(m, &p, i) * factor : 0.0;
      cr_assert(fabs((double)got.d[t] - want) <= LIMIT * fabs(want),
                "%s, seed %llu, token %zu, ratio %g: %.9g, not %.9g", m->name,
                (unsigned long long)seed, t, r, (double)got.d[t], want);
      *gated += factor < r, *passed += want != 0.0;
    }
}

Test(methods, each_is_its_papers_formula) {
  const uint64_t first = first_seed(1), count = seed_count(20);
  for (size_t k = 0; k < sizeof methods / sizeof *methods; k++) {
    int gated = 0, passed = 0;
    for (uint64_t seed = first; seed < first + count; seed++)
      check_method(&methods[k], seed, &gated, &passed);
    cr_expect(passed > 0 && (gated > 0 || methods[k].on_policy), "%s: the gate was never at work",
              methods[k].name);
  }
}
