/* Cases of the gated loss (spec O): every gate, level and KL, with and without bonus; log-ratios of
 * every size. */
#include "problem.h"
#include "sizes.h"

#include "reference/contract/expression.h"

#include <math.h>
#include <stdio.h>

enum { N_SEQ = SL_LOSS_N_SEQ };

/* CISPO's shape, a weight only; and a gate of basic operations with a value, the paper's softsign.
 */
static void capped_ratio(const void *cap, int positive, float r, float *f, float *w) {
  (void)positive;
  *f = NAN, *w = fminf(1.0f, *(const float *)cap / r);
}
static void hyperbola(const void *slope, int positive, float r, float *f, float *w) {
  const double z = (positive ? 1.0 : 1.5) * (double)*(const float *)slope * ((double)r - 1.0),
               root = sqrt(1.0 + z * z);
  *f = (float)(z / root), *w = (float)(1.0 / (root * root * root));
}

/* The same as expressions (reference/contract/expression.h), for their bounds. */
enum { CAP_VALUE = 3 };
#define SLOPE_VALUE 0.8f

static const sl_expression_node capped_nodes[] = {{SL_EXPRESSION_R, {0}, 0.0},
                                                  {SL_EXPRESSION_NUMBER, {0}, 1.0},
                                                  {SL_EXPRESSION_NUMBER, {0}, CAP_VALUE},
                                                  {SL_EXPRESSION_DIV, {2, 0}, 0.0},
                                                  {SL_EXPRESSION_MIN, {1, 3}, 0.0}};
#define HYPERBOLA(scale)                                                     \
  {                                                                          \
    {SL_EXPRESSION_R, {0}, 0.0}, {SL_EXPRESSION_NUMBER, {0}, 1.0},           \
        {SL_EXPRESSION_SUB, {0, 1}, 0.0},                                    \
        {SL_EXPRESSION_NUMBER, {0}, (scale) * (double)SLOPE_VALUE},          \
        {SL_EXPRESSION_MUL, {3, 2}, 0.0}, {SL_EXPRESSION_MUL, {4, 4}, 0.0},  \
        {SL_EXPRESSION_ADD, {1, 5}, 0.0}, {SL_EXPRESSION_SQRT, {6}, 0.0},    \
        {SL_EXPRESSION_DIV, {4, 7}, 0.0}, {SL_EXPRESSION_MUL, {7, 7}, 0.0},  \
        {SL_EXPRESSION_MUL, {9, 7}, 0.0}, {SL_EXPRESSION_DIV, {1, 10}, 0.0}, \
  }
static const sl_expression_node hyperbola_nodes[2][12] = {HYPERBOLA(1.5), HYPERBOLA(1.0)};
static const sl_gate_form capped_form = {
    {{capped_nodes, 5, SL_EXPRESSION_NONE, 4}, {capped_nodes, 5, SL_EXPRESSION_NONE, 4}}};
static const sl_gate_form hyperbola_form = {
    {{hyperbola_nodes[0], 12, 8, 11}, {hyperbola_nodes[1], 12, 8, 11}}};

static sl_gate some_gate(sl_problem *p) {
  static const float cap = CAP_VALUE, slope = SLOPE_VALUE;
  static const float taus[] = {1.0f, 1.05f, 0x1p-20f, 7.3f, 0.11f, 0x1p10f};
  const uint32_t family = sl_source_below(&p->source, SL_GATE_EXPRESSION + 1);
  sl_gate g = {.family = {(sl_gate_family)family, (sl_gate_family)family},
               .clip_low = 0.2,
               .clip_high = 0.28};
  uint32_t drawn[2];
  for (int side = 0; side < 2; side++)
    drawn[side] = sl_source_below(&p->source, 6), g.tau[side] = taus[drawn[side]];
  /* In a third of the problems A <= 0 has another family, without a draw more. */
  if (drawn[0] % 3 == 0)
    g.family[0] = (sl_gate_family)((family + 1 + drawn[1]) % (SL_GATE_EXPRESSION + 1));
  const int weight_only = family == SL_GATE_EXPRESSION && sl_source_below(&p->source, 2) != 0;
  g.function = weight_only ? capped_ratio : hyperbola;
  g.expression = weight_only ? &cap : &slope;
  p->form = weight_only ? &capped_form : &hyperbola_form;
  return g;
}

/* On policy, tiny, usual, at the clamp and beyond it. */
static float log_ratio(sl_source *s) {
  const double x = sl_source_unit(s);
  switch (sl_source_below(s, 8)) {
    case 0:
      return 0.0f;
    case 1:
      return (float)(x * 0x1p-20);
    case 2:
      return (float)(x * 5.0);
    case 3:
      return (float)(x * 90.0);
    case 4:
      return copysignf(80.0f, (float)x) *
             (1.0f + 0x1p-22f * (float)((int)sl_source_below(s, 5) - 2));
    default:
      return (float)(x * 0.3);
  }
}

static void add_log_probs(sl_problem *p, size_t t, const uint8_t *mask) {
  float *old = sl_add_floats(p, "logp_old", SL_IN, t),
        *new = sl_add(p, "logp_new", SL_F32, SL_IN, t);
  float *ref = sl_add(p, "logp_ref", SL_F32, SL_IN, t),
        *entropy = sl_add_floats(p, "entropy", SL_IN, t);
  for (size_t i = 0; i < t; i++) {
    new[i] = old[i] + log_ratio(&p->source);
    ref[i] = new[i] - log_ratio(&p->source);
    if (!mask[i])
      new[i] = sl_poison(p), old[i] = sl_poison(p), ref[i] = sl_poison(p),
      entropy[i] = sl_poison(p);
  }
}

/* Large log-ratios that cancel over the sequence, and tiny ones that do not: else every sum of a
 * sequence is exact in binary64, or rounds to the same binary32, and a wrong order would go
 * unnoticed (spec O1.2). */
static void spread_log_ratios(sl_problem *p, size_t t, const uint8_t *mask) {
  float *const old = p->array[2].data, *const new = p->array[3].data;
  p->objective.level = SL_LEVEL_SEQUENCE, p->objective.beta = 0.0;
  for (size_t i = 0; i < t; i++) {
    const size_t mirror = t - 1 - i;
    const int pair = i != mirror && mask[i] && mask[mirror] && (i < mirror ? i : mirror) % 3;
    if (!mask[i]) continue;
    old[i] = 0.0f;
    new[i] = pair &&i > mirror ? -new[mirror]
                               : (float)sl_source_unit(&p->source) * (pair ? 60.0f : 0x1p-45f);
  }
}

static void add_sequences(sl_problem *p, size_t n) {
  float *advantage = sl_add_floats(p, "advantage", SL_IN, n);
  double *coefficient = sl_add(p, "coefficient", SL_F64, SL_IN, n);
  for (size_t s = 0; s < n; s++) {
    coefficient[s] = 1.0 / (double)(1 + sl_source_below(&p->source, 50));
    if (sl_source_below(&p->source, 8) == 0) coefficient[s] = 0.0;
    if (sl_source_below(&p->source, 8) == 0) advantage[s] = -0.0f;
  }
}

/* spec O4.7, in half of the problems that spec/vectors does not record; drawn last, so that no
 * other array depends on them. */
static void add_token_advantages(sl_problem *p, size_t t, const uint8_t *mask) {
  if (p->recorded || sl_source_below(&p->source, 2)) {
    sl_drop(p);
    return;
  }
  float *advantage = sl_add_floats(p, "token_advantage", SL_IN, t);
  for (size_t i = 0; i < t; i++) {
    if (sl_source_below(&p->source, 8) == 0) advantage[i] = i % 2 ? 0.0f : -0.0f;
    if (!mask[i]) advantage[i] = sl_poison(p);
  }
}

/* Offsets; some of one sequence with more chunks than there are lanes, or where chunks are short
 * than a chunk has elements (spec O1.2). */
static const uint32_t *add_offsets(sl_problem *p) {
  const int small = p->shrink > 1, short_chunks = SL_SUM_CHUNK < 1024;
  if (sl_source_below(&p->source, small ? 20 : 4) || (small && !short_chunks))
    return sl_add_seq(p, small ? 5 * SL_SUM_CHUNK / 2 : 3 * SL_SUM_CHUNK, &p->size[N_SEQ]);
  uint32_t *seq = sl_add(p, "seq", SL_U32, SL_IN, 2);
  p->array[p->arrays - 1].host_only = 1;
  p->size[N_SEQ] = 1;
  seq[1] = (uint32_t)(SL_SUM_CHUNK * (short_chunks ? SL_SUM_CHUNK : SL_SUM_LANES)) +
           sl_source_below(&p->source, 2 * SL_SUM_CHUNK);
  return seq;
}

void sl_make_gated_loss(sl_problem *p) {
  const uint32_t *seq = add_offsets(p);
  const size_t n = p->size[N_SEQ], t = seq[n];
  p->objective =
      (sl_objective){.gate = some_gate(p), .level = (sl_level)sl_source_below(&p->source, 2)};
  p->objective.kl = (sl_kl_kind)sl_source_below(&p->source, 3);
  p->objective.beta = sl_source_below(&p->source, 2) ? 0.04 : 0.0;
  p->objective.gamma = sl_source_below(&p->source, 2) ? 0.01 : 0.0;
  const uint8_t *mask = sl_add_mask(p, t);
  add_log_probs(p, t, mask);
  if (n == 1 && sl_source_below(&p->source, 4)) spread_log_ratios(p, t, mask);
  add_sequences(p, n);
  sl_add(p, "d", SL_F32, SL_OUT, t);
  sl_add(p, "e", SL_F32, SL_OUT, t);
  sl_add(p, "sums", SL_SUMS, SL_OUT, n);
  add_token_advantages(p, t, mask);
  sl_shape(
      p,
      "t %zu in %zu sequences, gates %d and %d, tau %g and %g, level %d, kl %d, beta %g, gamma %g",
      t, n, p->objective.gate.family[0], p->objective.gate.family[1],
      (double)p->objective.gate.tau[0], (double)p->objective.gate.tau[1], p->objective.level,
      p->objective.kl, p->objective.beta, p->objective.gamma);
}

sl_status sl_run_gated_loss(sl_context *ctx, const sl_problem *p, void *const *at) {
  const sl_objective *o = &p->objective;
  const sl_gated_loss_batch batch = {.logp_new = at[3],
                                     .logp_old = at[2],
                                     .logp_ref = o->beta > 0.0 ? at[4] : NULL,
                                     .entropy = at[5],
                                     .mask = at[1],
                                     .seq = at[0],
                                     .advantage = at[6],
                                     .coefficient = at[7],
                                     .n_seq = p->size[N_SEQ],
                                     .token_advantage = at[11]};
  return sl_gated_loss(ctx, at[8], at[9], at[10], o, &batch);
}
