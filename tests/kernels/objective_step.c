/* A step of the objective for the tests. */
#include "objective_step.h"
#include "tests/kernels/setting.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static float log_ratio(source *s) {
  const double x = (double)(int64_t)next_u64(s) * 0x1p-63;
  switch (next_below(s, 8)) {
    case 0:
      return 0.0f;
    case 1:
      return (float)(x * 0x1p-16);
    case 2:
      return (float)(x * 90.0);
    case 3:
      return (float)(x * 6.0);
    default:
      return (float)(x * 0.4);
  }
}

static float poison(source *s) {
  static const float what[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e10f};
  return what[next_below(s, 5)];
}

static void fill_tokens(step *p, source *s, size_t sequence, uint32_t mask_kind) {
  for (size_t i = p->seq[sequence]; i < p->seq[sequence + 1]; i++) {
    p->mask[i] = mask_kind == 0 ? 0 : mask_kind == 1 ? 1 : (uint8_t)(next_below(s, 4) != 0);
    p->old[i] = -8.0f * (float)next_below(s, 1000) * 0x1p-10f;
    p->new[i] = p->old[i] + log_ratio(s);
    p->ref[i] = p->new[i] - log_ratio(s);
    p->entropy[i] = (float)next_below(s, 1000) * 0x1p-8f;
    if (!p->mask[i])
      p->new[i] = poison(s), p->old[i] = poison(s), p->ref[i] = poison(s),
      p->entropy[i] = poison(s);
    p->tokens[sequence] += p->mask[i];
  }
}

step random_step(source *s) {
  step p = {.n_groups = 2 + next_below(s, 4)};
  for (size_t g = 0; g < p.n_groups; g++) {
    p.group[g + 1] = p.group[g] + 2 + next_below(s, 3);
    const int flat = next_below(s, 4) == 0;
    for (size_t i = p.group[g]; i < p.group[g + 1]; i++)
      p.reward[i] = flat ? 0.125 : (double)next_below(s, 9) / 8.0;
  }
  p.n_seq = p.group[p.n_groups];
  for (size_t i = 0; i < p.n_seq; i++) {
    p.seq[i + 1] = p.seq[i] + (next_below(s, 6) ? next_below(s, STEP_TOKENS / STEP_SEQUENCES)
                                                : next_below(s, 2));
    fill_tokens(&p, s, i, next_below(s, 6));
  }
  p.seq[p.n_seq] += 1; /* the last sequence has one token that is surely unmasked */
  p.t = p.seq[p.n_seq];
  p.mask[p.t - 1] = 1, p.new[p.t - 1] = p.old[p.t - 1] = p.ref[p.t - 1] = -1.0f,
               p.tokens[p.n_seq - 1] += 1;
  return p;
}

void finish_step(step *p, sl_advantage_kind advantages, sl_aggregation aggregation) {
  sl_error err;
  cr_assert_eq(
      sl_advantages(p->advantage, NULL, p->reward, p->group, p->n_groups, advantages, 1e-6, &err),
      SL_OK, "%s", err.message);
  cr_assert_eq(
      sl_objective_coefficients(p->coefficient, p->tokens, p->n_seq, aggregation, 32.0, &err),
      SL_OK, "%s", err.message);
}

step one_sequence(size_t n, float x) {
  step p = {.n_groups = 1,
            .n_seq = 1,
            .t = n,
            .group = {0, 1},
            .seq = {0, (uint32_t)n},
            .tokens = {(uint32_t)n},
            .advantage = {1.0f}};
  p.coefficient[0] = 1.0 / (double)n;
  for (size_t i = 0; i < n; i++)
    p.mask[i] = 1, p.old[i] = p.ref[i] = -1.0f, p.new[i] = -1.0f + x, p.entropy[i] = 1.0f;
  return p;
}

sl_gated_loss_batch batch_of(const step *p) {
  return (sl_gated_loss_batch){p->new,
                               p->old,
                               p->ref,
                               p->entropy,
                               p->mask,
                               p->seq,
                               p->by_token ? NULL : p->advantage,
                               p->coefficient,
                               p->n_seq,
                               p->by_token ? p->token_advantage : NULL};
}

loss_kernel planted_loss;

static void run(sl_context *ctx, outcome *out, const step *p, const sl_objective *o) {
  const sl_gated_loss_batch batch = batch_of(p);
  memset(out, 0, sizeof *out);
  const sl_status status =
      (planted_loss ? planted_loss : sl_gated_loss)(ctx, out->d, out->e, out->sums, o, &batch);
  cr_assert_eq(status, SL_OK, "%s: %s", sl_context_backend(ctx), sl_context_error(ctx)->message);
}

outcome loss_of(const step *p, const sl_objective *o) {
  sl_context *const *list;
  static size_t turn;
  static outcome want, got;
  run(plain_context(), &want, p, o);
  const size_t n = planted_loss ? 0 : cpu_contexts(&list);
  if (n) {
    sl_context *ctx = list[turn++ % n];
    run(ctx, &got, p, o);
    cr_assert_eq(memcmp(&got, &want, sizeof want), 0, "%s with %d threads differs from plain",
                 sl_context_backend(ctx), sl_context_threads(ctx));
  }
  return want;
}

sl_objective objective_of(sl_gate_family family, float tau) {
  return (sl_objective){
      .gate = {.family = {family, family}, .tau = {tau, tau}, .clip_low = 0.2, .clip_high = 0.28}};
}

sl_objective random_objective(source *s) {
  sl_objective o = objective_of((sl_gate_family)next_below(s, SL_GATE_EXPRESSION),
                                0.25f * (float)(1 + next_below(s, 20)));
  if (next_below(s, 2)) o.gate.family[0] = (sl_gate_family)next_below(s, SL_GATE_EXPRESSION);
  o.level = (sl_level)next_below(s, 2);
  o.kl = (sl_kl_kind)next_below(s, 3);
  o.beta = next_below(s, 2) ? 0.05 : 0.0;
  o.gamma = next_below(s, 2) ? 0.01 : 0.0;
  return o;
}

uint64_t first_seed(uint64_t otherwise) { return setting("SLUICE_SEED", otherwise); }
uint64_t seed_count(uint64_t otherwise) { return setting("SLUICE_CASES", otherwise); }
