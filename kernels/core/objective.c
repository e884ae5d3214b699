/* The few-element scalars of the objective and the optimiser, in binary64 (spec O3, O4.1,
 * O5.1, N6, N2.5). */
#include <sluice/functions.h>
#include <sluice/objective.h>

#include <math.h>

static int all_equal(const double *reward, size_t n) {
  for (size_t i = 1; i < n; i++)
    if (reward[i] != reward[0]) return 0;
  return 1;
}

static double ascending_sum(const double *x, size_t n, size_t without) {
  double sum = 0.0;
  for (size_t i = 0; i < n; i++)
    if (i != without) sum += x[i];
  return sum;
}

/* Where advantages go (NULL: only check that all are finite), and the index of the first that is
 * not finite, else n. */
typedef struct {
  float *advantage;
  size_t first_bad;
} target;

static void put(target *t, size_t i, double a, int sums_finite) {
  const float rounded = (float)a;
  if (t->advantage) t->advantage[i] = rounded;
  if ((!sums_finite || !isfinite(rounded)) && i < t->first_bad) t->first_bad = i;
}

/* spec O3.1; a deviation that overflowed would give advantages of 0 */
static void deviation_advantages(target *t, const double *reward, size_t n, sl_advantage_kind kind,
                                 double eps) {
  const double mean = ascending_sum(reward, n, n) / (double)n;
  double squares = 0.0;
  for (size_t i = 0; i < n; i++) squares = fma(reward[i] - mean, reward[i] - mean, squares);
  const double std = sqrt(squares / (kind == SL_ADV_STD_SAMPLE ? (double)n - 1.0 : (double)n));
  const int sums_finite = isfinite(mean) && (kind == SL_ADV_NO_STD || isfinite(std));
  for (size_t i = 0; i < n; i++) {
    const double c = reward[i] - mean;
    put(t, i, kind == SL_ADV_NO_STD ? c : c / (std + eps), sums_finite);
  }
}

/* spec O3.2 */
static void leave_one_out_advantages(target *t, const double *reward, size_t n) {
  for (size_t i = 0; i < n; i++)
    put(t, i, reward[i] - ascending_sum(reward, n, i) / ((double)n - 1.0), 1);
}

/* One group of n rewards that are not all equal; the result is target.first_bad. */
static size_t group_advantages(float *advantage, const double *reward, size_t n,
                               sl_advantage_kind kind, double eps) {
  target t = {advantage, n};
  if (kind == SL_ADV_LEAVE_ONE_OUT)
    leave_one_out_advantages(&t, reward, n);
  else
    deviation_advantages(&t, reward, n, kind, eps);
  return t.first_bad;
}

static sl_status check_group(const double *reward, size_t first, size_t end, size_t g,
                             sl_advantage_kind kind, double eps, sl_error *err) {
  if (kind == SL_ADV_LEAVE_ONE_OUT && end - first == 1)
    return sl_fail(err, SL_ERR_INPUT,
                   "group[%zu] has one sequence: leave-one-out needs at least two", g);
  for (size_t i = first; i < end; i++)
    if (!isfinite(reward[i]))
      return sl_fail(err, SL_ERR_NONFINITE, "reward[%zu] (group %zu) is %g", i, g, reward[i]);
  if (all_equal(reward + first, end - first)) return SL_OK;
  const size_t bad = first + group_advantages(NULL, reward + first, end - first, kind, eps);
  if (bad < end)
    return sl_fail(err, SL_ERR_NONFINITE,
                   "the advantage of reward[%zu] = %g (group %zu) is beyond binary32, or the "
                   "group's sums overflow",
                   bad, reward[bad], g);
  return SL_OK;
}

/* spec O3.3, O3.4 */
static sl_status check_groups(const double *reward, const uint32_t *group, size_t n_groups,
                              sl_advantage_kind kind, double eps, sl_error *err) {
  if (!(kind <= SL_ADV_LEAVE_ONE_OUT))
    return sl_fail(err, SL_ERR_USAGE, "no such kind of advantage");
  if (!(isfinite(eps) && eps >= 0.0))
    return sl_fail(err, SL_ERR_USAGE, "eps must be finite and at least 0, not %g", eps);
  if (n_groups && group[0] != 0)
    return sl_fail(err, SL_ERR_INPUT, "group[0] is %u, not 0", group[0]);
  sl_status status = SL_OK;
  for (size_t g = 0; !status && g < n_groups; g++) {
    if (group[g + 1] < group[g])
      return sl_fail(err, SL_ERR_INPUT, "group[%zu] is %u, below group[%zu] = %u", g + 1,
                     group[g + 1], g, group[g]);
    status = check_group(reward, group[g], group[g + 1], g, kind, eps, err);
  }
  return status;
}

sl_status sl_advantages(float *advantage, size_t *zero_variance, const double *reward,
                        const uint32_t *group, size_t n_groups, sl_advantage_kind kind, double eps,
                        sl_error *err) {
  SL_TRY(check_groups(reward, group, n_groups, kind, eps, err));
  size_t flat = 0;
  for (size_t g = 0; g < n_groups; g++) {
    const size_t first = group[g], n = group[g + 1] - first;
    if (n == 0) continue;
    if (all_equal(reward + first, n)) { /* spec O3.3 */
      flat++;
      for (size_t i = 0; i < n; i++) advantage[first + i] = 0.0f;
    } else {
      (void)group_advantages(advantage + first, reward + first, n, kind, eps);
    }
  }
  if (zero_variance) *zero_variance = flat;
  return SL_OK;
}

/* Of at most 255 bytes those that are not 0: a byte counts them, so that vectors hold many. */
static uint8_t few_set(const uint8_t *mask, size_t n) {
  uint8_t set = 0;
  for (size_t i = 0; i < (n < 255 ? n : 255); i++) set = (uint8_t)(set + (mask[i] != 0));
  return set;
}

/* spec O4.1 */
void sl_objective_tokens(uint32_t *tokens, const uint8_t *mask, const uint32_t *seq, size_t n_seq) {
  for (size_t s = 0; s < n_seq; s++) {
    uint32_t n = 0;
    for (size_t i = seq[s]; i < seq[s + 1]; i += 255) n += few_set(mask + i, seq[s + 1] - i);
    tokens[s] = n;
  }
}

static sl_status check_aggregation(sl_aggregation aggregation, double constant_length,
                                   sl_error *err) {
  if (!(aggregation <= SL_AGG_CONSTANT)) return sl_fail(err, SL_ERR_USAGE, "no such aggregation");
  if (aggregation == SL_AGG_CONSTANT && !(isfinite(constant_length) && constant_length >= 1.0))
    return sl_fail(err, SL_ERR_USAGE, "the constant length must be finite and at least 1, not %g",
                   constant_length);
  return SL_OK;
}

sl_status sl_objective_part_coefficients(double *coefficient, const uint32_t *tokens, size_t n_seq,
                                         sl_aggregation aggregation, double constant_length,
                                         double sequences, double total, sl_error *err) {
  SL_TRY(check_aggregation(aggregation, constant_length, err));
  const double step = aggregation == SL_AGG_TOKEN_MEAN ? total : sequences;
  if (!(isfinite(step) && step >= 1.0))
    return sl_fail(err, SL_ERR_USAGE, "a step has at least one of its %s, not %g",
                   aggregation == SL_AGG_TOKEN_MEAN ? "tokens" : "sequences", step);
  for (size_t i = 0; i < n_seq; i++) {
    const double count = aggregation == SL_AGG_SEQUENCE_MEAN ? step * (double)tokens[i]
                         : aggregation == SL_AGG_TOKEN_MEAN  ? step
                                                             : step * constant_length;
    coefficient[i] = tokens[i] ? 1.0 / count : 0.0;
  }
  return SL_OK;
}

sl_status sl_objective_coefficients(double *coefficient, const uint32_t *tokens, size_t n_seq,
                                    sl_aggregation aggregation, double constant_length,
                                    sl_error *err) {
  double sequences = 0.0, total = 0.0;
  SL_TRY(check_aggregation(aggregation, constant_length, err));
  for (size_t i = 0; i < n_seq; i++) {
    sequences += tokens[i] > 0;
    total += (double)tokens[i];
  }
  if (total == 0.0)
    return sl_fail(err, SL_ERR_INPUT, "the step has no unmasked token: nothing to learn from");
  return sl_objective_part_coefficients(coefficient, tokens, n_seq, aggregation, constant_length,
                                        sequences, total, err);
}

/* spec O5.1, O5.2 */
void sl_loss_measure(sl_loss_metrics *out, const sl_loss_sums *sums, size_t n_seq) {
  sl_loss_metrics m = {.update = {(double)NAN, (double)NAN, (double)NAN}};
  double x = 0.0, y = 0.0, squares = 0.0, weights = 0.0, below_half = 0.0;
  for (size_t i = 0; i < n_seq; i++) {
    const sl_loss_sums *s = &sums[i];
    m.objective += s->objective, m.centred += s->centred, m.kl += s->kl, m.entropy += s->entropy;
    x += s->log_ratio_sum, y += s->y_sum, squares += s->y_square_sum, weights += s->weight_sum;
    if (s->tokens) m.ratio_max = fmax(m.ratio_max, (double)s->ratio_max), m.sequences += 1.0;
    m.tokens += s->tokens, below_half += s->below_half;
    m.clamped += s->clamped, m.kl_clamped += s->kl_clamped;
  }
  const double n = m.tokens > 0.0 ? m.tokens : (double)NAN;
  x /= n, y /= n;
  const double variance = squares / n - y * y;
  m.ratio_mean = 1.0 + y;
  m.ratio_variance = variance < 0.0 ? 0.0 : variance;
  m.weight_mean = weights / n, m.below_half = below_half / n, m.approximate_kl = y - x;
  *out = m;
}

/* spec N6.5 */
float sl_learning_rate(double base, sl_decay_kind decay, double final, uint64_t warmup, uint64_t t,
                       uint64_t total) {
  const double ramp = warmup && t < warmup ? (double)t / (double)warmup : 1.0;
  const double done = (double)(t - 1) / (double)total;
  double factor = 1.0;
  if (decay == SL_DECAY_LINEAR) factor = 1.0 - (1.0 - final) * done;
  if (decay == SL_DECAY_COSINE)
    factor = final +
             (1.0 - final) * (1.0 + (double)sl_fn_cos((float)(0x1.921fb54442d18p+1 * done))) / 2.0;
  return (float)(base * ramp * factor);
}

/* spec N6.2 */
float sl_clip_scale(double norm, double max_norm) {
  return max_norm == 0.0 || norm <= max_norm ? 1.0f : (float)(max_norm / norm);
}

/* spec N6.4 */
sl_adamw sl_adamw_scalars(sl_adamw_state *state, float b1, float b2, float eps, float lr,
                          float grad_scale) {
  state->b1_power *= (double)b1;
  state->b2_power *= (double)b2;
  const sl_adamw s = {.grad_scale = grad_scale,
                      .b1 = b1,
                      .b2 = b2,
                      .one_b1 = (float)(1.0 - (double)b1),
                      .one_b2 = (float)(1.0 - (double)b2),
                      .c1 = (float)(1.0 / (1.0 - state->b1_power)),
                      .c2 = (float)(1.0 / (1.0 - state->b2_power)),
                      .lr = lr,
                      .eps = eps,
                      .decay = 1.0f};
  return s;
}

/* spec N6.3 */
float sl_adamw_decay(float lr, double weight_decay) {
  return (float)(1.0 - (double)lr * weight_decay);
}
