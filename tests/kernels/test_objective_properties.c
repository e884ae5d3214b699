/* Properties of the objective over random steps (spec O1 to O5): equal bits, not closeness,
 * wherever the clauses promise them. Planted failures at the end: each must break its property. */
#include "objective_step.h"
#include "wrong_losses.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define CASES 60
static const sl_advantage_kind advantages[] = {SL_ADV_STD_POPULATION, SL_ADV_STD_SAMPLE,
                                               SL_ADV_NO_STD, SL_ADV_LEAVE_ONE_OUT};
static const sl_aggregation aggregations[] = {SL_AGG_SEQUENCE_MEAN, SL_AGG_TOKEN_MEAN,
                                              SL_AGG_CONSTANT};

/* A property holds for the step that a seed makes, or says what is wrong. */
typedef int (*property)(source *s, step *p, const sl_objective *o);

static int holds_for(property holds, uint64_t seed) {
  source s = seeded(seed);
  step p = random_step(&s);
  finish_step(&p, advantages[next_below(&s, 4)], aggregations[next_below(&s, 3)]);
  const sl_objective o = random_objective(&s);
  return holds(&s, &p, &o);
}

static void check(const char *name, property holds) {
  const uint64_t first = first_seed(1), count = seed_count(CASES);
  for (uint64_t seed = first; seed < first + count; seed++)
    cr_assert(holds_for(holds, seed), REPLAY, (unsigned long long)seed, "objective_properties",
              name);
  printf("%s: seeds %llu to %llu\n", name, (unsigned long long)first,
         (unsigned long long)(first + count - 1));
}

#define PROPERTY(name)                                                             \
  static int name(source *s, step *p, const sl_objective *o);                      \
  Test(objective_properties, name) { check("objective_properties/" #name, name); } \
  static int name(source *s, step *p, const sl_objective *o)

static int same(const char *what, const void *a, const void *b, size_t bytes) {
  return same_bits(what, a, b, bytes);
}

/* The sequences [from, from + n) of p appended to q, with group offsets left to the caller. */
static void append(step *q, const step *p, size_t from, size_t n) {
  for (size_t i = from; i < from + n; i++) {
    const size_t at = q->t, length = p->seq[i + 1] - p->seq[i], src = p->seq[i], k = q->n_seq++;
    q->reward[k] = p->reward[i], q->advantage[k] = p->advantage[i],
    q->coefficient[k] = p->coefficient[i], q->tokens[k] = p->tokens[i];
    memcpy(q->new + at, p->new + src, length * sizeof *p->new),
        memcpy(q->old + at, p->old + src, length * sizeof *p->old);
    memcpy(q->ref + at, p->ref + src, length * sizeof *p->ref),
        memcpy(q->entropy + at, p->entropy + src, length * sizeof *p->entropy);
    memcpy(q->token_advantage + at, p->token_advantage + src, length * sizeof *p->new);
    memcpy(q->mask + at, p->mask + src, length);
    q->t += length;
    q->seq[q->n_seq] = (uint32_t)q->t;
  }
}

/* Sequence i of p against sequence k of q. */
static int same_sequence(const outcome *a, const step *p, size_t i, const outcome *b, const step *q,
                         size_t k) {
  const size_t bytes = (p->seq[i + 1] - p->seq[i]) * sizeof *a->d;
  return same("d", b->d + q->seq[k], a->d + p->seq[i], bytes) &
         same("e", b->e + q->seq[k], a->e + p->seq[i], bytes) &
         same("sums", &b->sums[k], &a->sums[i], sizeof *a->sums);
}

/* Permuting groups permutes advantages, gradients and sums. */
PROPERTY(groups_permute) {
  uint32_t order[STEP_SEQUENCES] = {0};
  step q = {.n_groups = p->n_groups};
  for (uint32_t g = 0; g < p->n_groups; g++) order[g] = g;
  for (size_t g = p->n_groups; g-- > 1;) {
    const uint32_t j = next_below(s, (uint32_t)g + 1), t = order[g];
    order[g] = order[j], order[j] = t;
  }
  for (size_t g = 0; g < p->n_groups; g++) {
    append(&q, p, p->group[order[g]], p->group[order[g] + 1] - p->group[order[g]]);
    q.group[g + 1] = (uint32_t)q.n_seq;
  }
  float again[STEP_SEQUENCES];
  sl_error err;
  cr_assert_eq(
      sl_advantages(again, NULL, q.reward, q.group, q.n_groups, SL_ADV_STD_POPULATION, 1e-6, &err),
      SL_OK);
  finish_step(p, SL_ADV_STD_POPULATION, SL_AGG_TOKEN_MEAN);
  finish_step(&q, SL_ADV_STD_POPULATION, SL_AGG_TOKEN_MEAN);
  const outcome a = loss_of(p, o), b = loss_of(&q, o);
  int ok = 1;
  for (size_t g = 0, k = 0; g < p->n_groups; g++)
    for (size_t i = p->group[order[g]]; i < p->group[order[g] + 1]; i++, k++)
      ok &= same("advantage", &again[k], &p->advantage[i], sizeof *again) &
            same_sequence(&a, p, i, &b, &q, k);
  return ok;
}

/* Reversing every group reverses its advantages: the rewards' sums are exact, so that their order
 * does not matter. */
PROPERTY(sequences_of_a_group_permute) {
  double reversed[STEP_SEQUENCES];
  float advantage[STEP_SEQUENCES], back[STEP_SEQUENCES];
  sl_error err;
  (void)o;
  const sl_advantage_kind form = next_below(s, 2) ? SL_ADV_NO_STD : SL_ADV_LEAVE_ONE_OUT;
  for (size_t g = 0; g < p->n_groups; g++)
    for (size_t i = p->group[g]; i < p->group[g + 1]; i++)
      reversed[i] = p->reward[p->group[g + 1] - 1 - (i - p->group[g])];
  cr_assert_eq(sl_advantages(advantage, NULL, p->reward, p->group, p->n_groups, form, 0.0, &err),
               SL_OK);
  cr_assert_eq(sl_advantages(back, NULL, reversed, p->group, p->n_groups, form, 0.0, &err), SL_OK);
  int ok = 1;
  for (size_t g = 0; g < p->n_groups; g++)
    for (size_t i = p->group[g]; i < p->group[g + 1]; i++)
      ok &= same("advantage", &back[i], &advantage[p->group[g + 1] - 1 - (i - p->group[g])],
                 sizeof *back);
  return ok;
}

/* Whatever masked slots hold, nothing changes, and their own gradients are +0. */
PROPERTY(masked_slots_contribute_nothing) {
  const outcome a = loss_of(p, o);
  const float zero = 0.0f;
  int ok = 1;
  step q = *p;
  for (size_t i = 0; i < p->t; i++) {
    if (p->mask[i]) continue;
    q.new[i] = next_below(s, 2) ? 1e30f : -0.5f, q.old[i] = next_below(s, 2) ? NAN : 3.0f;
    q.ref[i] = next_below(s, 2) ? -1e10f : 0.0f, q.entropy[i] = next_below(s, 2) ? INFINITY : 1.0f;
    ok &= same("d", &a.d[i], &zero, sizeof zero) & same("e", &a.e[i], &zero, sizeof zero);
  }
  const outcome b = loss_of(&q, o);
  return ok & same("outcome", &b, &a, sizeof a);
}

/* At token level a masked slot may as well not be there. */
PROPERTY(masked_slots_can_be_removed) {
  sl_objective token = *o;
  token.level = SL_LEVEL_TOKEN;
  step q = *p;
  size_t from[STEP_TOKENS];
  (void)s;
  q.t = 0;
  for (size_t k = 0; k < p->n_seq; k++) {
    for (size_t i = p->seq[k]; i < p->seq[k + 1]; i++) {
      if (!p->mask[i]) continue;
      from[q.t] = i;
      q.new[q.t] = p->new[i], q.old[q.t] = p->old[i], q.ref[q.t] = p->ref[i],
      q.entropy[q.t] = p->entropy[i], q.mask[q.t++] = 1;
    }
    q.seq[k + 1] = (uint32_t)q.t;
  }
  const outcome a = loss_of(p, &token), b = loss_of(&q, &token);
  int ok = same("sums", b.sums, a.sums, sizeof a.sums);
  for (size_t i = 0; i < q.t; i++) ok &= same("d", &b.d[i], &a.d[from[i]], sizeof *a.d);
  return ok;
}

/* Any split into micro-batches, with the coefficients of the whole step, gives the bits of a
 * single batch. */
PROPERTY(micro_batches_do_not_show) {
  const outcome unsplit = loss_of(p, o);
  int ok = 1;
  for (size_t begin = 0; begin < p->n_seq;) {
    const size_t left = p->n_seq - begin, n = 1 + next_below(s, (uint32_t)(left < 5 ? left : 5));
    step part = {.n_groups = 0};
    append(&part, p, begin, n);
    const outcome b = loss_of(&part, o);
    for (size_t k = 0; k < n; k++) ok &= same_sequence(&unsplit, p, begin + k, &b, &part, k);
    begin += n;
  }
  return ok;
}

/* p with an advantage for each token: that of its sequence; NaN where nothing is read. */
static step by_token(const step *p) {
  step q = *p;
  q.by_token = 1;
  for (size_t k = 0; k < p->n_seq; k++)
    for (size_t i = p->seq[k]; i < p->seq[k + 1]; i++)
      q.token_advantage[i] = p->mask[i] ? p->advantage[k] : NAN;
  return q;
}

/* spec O4.7: advantages that are equal along each sequence give its advantage's bits. */
PROPERTY(equal_advantages_of_tokens_are_the_sequences) {
  const step q = by_token(p);
  (void)s;
  const outcome a = loss_of(p, o), b = loss_of(&q, o);
  return same("outcome", &b, &a, sizeof a);
}

/* spec O4.7: each token's gradient is the one that it has where its advantage is that of its
 * sequence. Counts of tokens are the same for both. */
PROPERTY(a_token_follows_its_own_advantage) {
  static const float choice[] = {1.5f, -0.75f, 0.0f};
  step q = by_token(p), all[3];
  outcome of[3];
  for (size_t i = 0; i < p->t; i++)
    if (p->mask[i]) q.token_advantage[i] = choice[next_below(s, 3)];
  q.t = p->t;
  for (size_t c = 0; c < 3; c++) {
    all[c] = *p;
    for (size_t k = 0; k < p->n_seq; k++) all[c].advantage[k] = choice[c];
    of[c] = loss_of(&all[c], o);
  }
  const outcome got = loss_of(&q, o);
  int ok = 1;
  for (size_t i = 0; i < p->t; i++)
    for (size_t c = 0; p->mask[i] && c < 3; c++)
      if (q.token_advantage[i] == choice[c])
        ok &= same("d", &got.d[i], &of[c].d[i], sizeof *got.d) &
              same("e", &got.e[i], &of[c].e[i], sizeof *got.e);
  for (size_t k = 0; k < p->n_seq; k++)
    ok &= got.sums[k].tokens == of[0].sums[k].tokens &&
          got.sums[k].clamped == of[0].sums[k].clamped &&
          same("y_sum", &got.sums[k].y_sum, &of[0].sums[k].y_sum, sizeof(double));
  return ok;
}

/* A part of the step has the bits of the step, with advantages by token too. */
PROPERTY(micro_batches_do_not_show_by_token) {
  step q = by_token(p);
  for (size_t i = 0; i < p->t; i++) q.token_advantage[i] *= next_below(s, 2) ? -1.0f : 0.5f;
  const outcome unsplit = loss_of(&q, o);
  int ok = 1;
  for (size_t begin = 0; begin < p->n_seq;) {
    const size_t left = p->n_seq - begin, n = 1 + next_below(s, (uint32_t)(left < 5 ? left : 5));
    step part = {.by_token = 1};
    append(&part, &q, begin, n);
    const outcome b = loss_of(&part, o);
    for (size_t k = 0; k < n; k++) ok &= same_sequence(&unsplit, p, begin + k, &b, &part, k);
    begin += n;
  }
  return ok;
}

/* Groups of equal rewards have no policy gradient, under any form of advantage. */
PROPERTY(groups_without_variance_give_no_gradient) {
  sl_objective no_kl = *o;
  no_kl.beta = 0.0;
  for (size_t i = p->group[0]; i < p->group[1]; i++) p->reward[i] = 0.1;
  size_t flat = 0, again = 0;
  sl_error err;
  const sl_advantage_kind form = advantages[next_below(s, 4)];
  cr_assert_eq(
      sl_advantages(p->advantage, &flat, p->reward, p->group, p->n_groups, form, 1e-9, &err),
      SL_OK);
  const outcome a = loss_of(p, &no_kl);
  const float zero = 0.0f;
  int ok = flat >= 1;
  for (size_t g = 0; g < p->n_groups; g++) {
    int equal = 1;
    for (size_t i = p->group[g]; i < p->group[g + 1]; i++)
      equal &= p->reward[i] == p->reward[p->group[g]];
    again += (size_t)equal;
    for (size_t i = p->seq[p->group[g]]; equal && i < p->seq[p->group[g + 1]]; i++)
      ok &= same("d", &a.d[i], &zero, sizeof zero);
  }
  return ok & (flat == again);
}

/* A = 0 of either sign: no policy gradient, the KL's and the bonus's stay. */
PROPERTY(zero_advantage_leaves_kl_and_bonus) {
  step zero = *p, minus = *p, other = *p;
  sl_objective with_kl = *o;
  with_kl.beta = 0.05, with_kl.level = SL_LEVEL_TOKEN;
  (void)s;
  for (size_t i = 0; i < p->n_seq; i++)
    zero.advantage[i] = 0.0f, minus.advantage[i] = -0.0f, other.advantage[i] = 0.0f;
  for (size_t i = 0; i < p->t; i++)
    if (p->mask[i]) other.old[i] = p->new[i] - 0.25f; /* other ratios: they must not matter */
  const outcome a = loss_of(&zero, &with_kl), b = loss_of(&minus, &with_kl),
                c = loss_of(&other, &with_kl);
  for (size_t k = 0; k < p->n_seq; k++) /* k1's slope is 1 wherever it is not clamped */
    for (size_t i = p->seq[k]; i < p->seq[k + 1]; i++)
      if (with_kl.kl == SL_KL_K1 && p->mask[i] && fabsf(p->new[i] - p->ref[i]) <= 80.0f &&
          a.d[i] != (float)(0.05 * p->coefficient[k]))
        return 0;
  return same("d", b.d, a.d, sizeof a.d) & same("d", c.d, a.d, sizeof a.d) &
         same("e", b.e, a.e, sizeof a.e);
}

/* On policy every gate's weight is 1 and its centred value 0: d is a_i, whatever the gate
 * and tau. */
PROPERTY(on_policy_all_gates_agree) {
  sl_objective no_kl = *o;
  no_kl.beta = 0.0;
  (void)s;
  for (size_t i = 0; i < p->t; i++) p->new[i] = p->old[i];
  const outcome a = loss_of(p, &no_kl);
  int ok = 1;
  for (size_t k = 0; k < p->n_seq; k++) {
    const float want = (float)-((double)p->advantage[k] * p->coefficient[k]),
                d = want == 0.0f ? 0.0f : want;
    ok &= a.sums[k].centred == 0.0 && a.sums[k].y_sum == 0.0 && a.sums[k].log_ratio_sum == 0.0 &&
          a.sums[k].clamped == 0;
    for (size_t i = p->seq[k]; i < p->seq[k + 1]; i++)
      if (p->mask[i]) ok &= same("d", &a.d[i], &d, sizeof d);
  }
  return ok;
}

/* Log-ratios beyond the clamp: no policy gradient, counted, and every reported number
 * stays finite. */
PROPERTY(beyond_the_clamp) {
  sl_objective token = *o;
  token.level = SL_LEVEL_TOKEN, token.beta = 0.0;
  uint32_t beyond = 0, counted = 0;
  int ok = 1;
  for (size_t i = 0; i < p->t; i++)
    if (p->mask[i] && next_below(s, 3) == 0)
      p->new[i] = p->old[i] + (next_below(s, 2) ? 81.0f : -1e30f);
  const outcome a = loss_of(p, &token);
  for (size_t i = 0; i < p->t; i++) {
    const int outside = p->mask[i] && fabsf(p->new[i] - p->old[i]) > 80.0f;
    beyond += (uint32_t)outside;
    ok &= !outside || a.d[i] == 0.0f;
  }
  for (size_t k = 0; k < p->n_seq; k++) {
    const sl_loss_sums *u = &a.sums[k];
    counted += u->clamped;
    ok &= isfinite(u->objective) && isfinite(u->centred) && isfinite(u->y_square_sum) &&
          isfinite(u->effective_sum) && isfinite(u->ratio_max);
  }
  return ok & (counted == beyond);
}

/* A positive advantage pushes up, a negative one down, and no gate pushes harder than no gate. */
PROPERTY(gates_only_weaken) {
  sl_objective gated = *o, free = *o;
  gated.beta = free.beta = 0.0;
  free.gate.family[0] = free.gate.family[1] = SL_GATE_IDENTITY;
  (void)s;
  const outcome a = loss_of(p, &gated), b = loss_of(p, &free);
  int ok = 1;
  for (size_t k = 0; k < p->n_seq; k++)
    for (size_t i = p->seq[k]; i < p->seq[k + 1]; i++)
      ok &= fabsf(a.d[i]) <= fabsf(b.d[i]) && a.d[i] * p->advantage[k] <= 0.0f;
  return ok;
}

/* Scaling the advantages by a power of two scales the gradient exactly. */
PROPERTY(gradient_is_linear_in_the_advantage) {
  sl_objective no_kl = *o;
  no_kl.beta = 0.0;
  (void)s;
  step twice = *p;
  for (size_t k = 0; k < p->n_seq; k++) twice.advantage[k] *= 4.0f;
  const outcome a = loss_of(p, &no_kl), b = loss_of(&twice, &no_kl);
  int ok = 1;
  for (size_t i = 0; i < p->t; i++) /* below 2^-120 the product is subnormal and rounds */
    ok &= fabsf(a.d[i]) < 0x1p-120f || b.d[i] == 4.0f * a.d[i];
  return ok;
}

/* The weights of a step's tokens add up to 1 for the two means: n_i and N' count what is unmasked.
 * Each term n_i c_i has two roundings of 2^-53, the sum of N of them N more. */
PROPERTY(coefficients_add_up_to_one) {
  (void)s, (void)o;
  for (int k = 0; k < 2; k++) {
    double sum = 0.0;
    sl_error err;
    cr_assert_eq(
        sl_objective_coefficients(p->coefficient, p->tokens, p->n_seq, aggregations[k], 0.0, &err),
        SL_OK);
    for (size_t i = 0; i < p->n_seq; i++) sum += (double)p->tokens[i] * p->coefficient[i];
    if (!(fabs(sum - 1.0) <= (double)(p->n_seq + 3) * 0x1p-53)) return 0;
  }
  return 1;
}

static const struct {
  const char *name;
  loss_kernel wrong;
  property broken;
} planted[] = {
    {"coefficients of the micro-batch", wrong_of_the_micro_batch, micro_batches_do_not_show},
    {"mask multiplied", wrong_mask_multiplied, masked_slots_contribute_nothing},
    {"only the output clamped", wrong_only_the_output_clamped, beyond_the_clamp},
    {"sign of the advantage", wrong_sign_of_the_advantage, gradient_is_linear_in_the_advantage},
    {"nothing where A is 0", wrong_nothing_where_a_is_zero, zero_advantage_leaves_kl_and_bonus},
    {"shifted advantages", wrong_shifted_advantages, groups_permute},
    {"shifted advantages", wrong_shifted_advantages, groups_without_variance_give_no_gradient},
    {"the first token's advantage", wrong_first_of_the_tokens, a_token_follows_its_own_advantage},
    {"doubled", wrong_doubled, on_policy_all_gates_agree},
    {"doubled", wrong_doubled, gates_only_weaken}};

Test(objective_planted, each_breaks_its_property) {
  for (size_t k = 0; k < sizeof planted / sizeof *planted; k++) {
    int caught = 0;
    planted_loss = planted[k].wrong;
    for (uint64_t seed = 1; seed <= CASES; seed++) caught += !holds_for(planted[k].broken, seed);
    planted_loss = NULL;
    cr_expect_gt(caught, 0, "'%s' lives", planted[k].name);
  }
}
