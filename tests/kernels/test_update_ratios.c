/* EUR and clip ratio of an update (spec O5.3, O5.4): against a sum written here from the clause,
 * for clip against each other, and on groups of unequal length by hand. */
#include "objective_step.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static sl_update_ratios measured(const step *p, const sl_objective *o, const outcome *got) {
  const sl_gated_loss_batch batch = batch_of(p);
  sl_update_ratios ratios;
  sl_error err;
  cr_assert_eq(sl_update_measure(&ratios, o, &batch, got->sums, p->group, p->n_groups, &err), SL_OK,
               "%s", err.message);
  return ratios;
}

/* The loss with the tokens that are clamped on their own masked: its weights are those that count
 * (spec O5.3). At sequence level a clamped sequence counts 0. */
static double effective_by_hand(const step *p, const sl_objective *o) {
  step q = *p;
  double sum = 0.0, groups = 0.0;
  for (size_t t = 0; o->level == SL_LEVEL_TOKEN && t < q.t; t++)
    q.mask[t] = q.mask[t] && fabsf(q.new[t] - q.old[t]) <= 80.0f;
  const outcome got = loss_of(&q, o);
  for (size_t g = 0; g < p->n_groups; g++) {
    double weights = 0.0, tokens = 0.0;
    for (size_t s = p->group[g]; s < p->group[g + 1]; s++) {
      weights += got.sums[s].clamped ? 0.0 : got.sums[s].weight_sum;
      tokens += (double)p->tokens[s];
    }
    if (tokens > 0.0) sum += weights / tokens, groups += 1.0;
  }
  return sum / groups;
}

Test(update_ratios, effective_is_the_mean_over_groups_of_what_is_not_clamped) {
  const uint64_t first = first_seed(1), count = seed_count(200);
  size_t clamped = 0, uneven = 0;
  for (uint64_t seed = first; seed < first + count; seed++) {
    source s = seeded(seed);
    step p = random_step(&s);
    finish_step(&p, SL_ADV_STD_SAMPLE, SL_AGG_SEQUENCE_MEAN);
    const sl_objective o = random_objective(&s);
    const outcome got = loss_of(&p, &o);
    const double want = effective_by_hand(&p, &o), found = measured(&p, &o, &got).effective;
    cr_assert(same_bits("EUR", &found, &want, sizeof want), REPLAY, (unsigned long long)seed,
              "update_ratios", "update_ratios/effective*");
    double weights = 0.0, tokens = 0.0;
    for (size_t i = 0; i < p.n_seq; i++)
      clamped += got.sums[i].clamped > 0, weights += got.sums[i].weight_sum,
          tokens += (double)got.sums[i].tokens;
    uneven += found != weights / tokens;
  }
  cr_expect(clamped > 50 && uneven > 150, "clamped sequences %zu, uneven steps %zu", clamped,
            uneven);
}

/* In each group as many tokens are clipped, by log-probs and signs, as weigh 0 in the kernel's
 * sums: so the two ratios add up to 1 but for their roundings. Each is a sum of B quotients and a
 * division: B roundings of quotients at most 1, B - 1 of sums at most B, one of the end: with the
 * last addition less than (B + 3) 2^-53. */
Test(update_ratios, clipped_tokens_are_those_that_weigh_nothing) {
  const uint64_t first = first_seed(1), count = seed_count(200);
  double most = 0.0, least = 1.0;
  for (uint64_t seed = first; seed < first + count; seed++) {
    source s = seeded(seed);
    step p = random_step(&s);
    finish_step(&p, SL_ADV_STD_POPULATION, SL_AGG_TOKEN_MEAN);
    sl_objective o = objective_of(SL_GATE_CLIP, 1.0f);
    o.level = (sl_level)next_below(&s, 2);
    const outcome got = loss_of(&p, &o);
    const sl_update_ratios ratios = measured(&p, &o, &got);
    const double limit = ((double)p.n_groups + 3.0) * 0x1p-53;
    cr_assert(fabs(ratios.effective + ratios.clipped - 1.0) <= limit, REPLAY,
              (unsigned long long)seed, "update_ratios", "update_ratios/clipped*");
    most = fmax(most, ratios.clipped), least = fmin(least, ratios.clipped);
  }
  cr_expect(most > 0.3 && least < 0.2, "clip ratios from %g to %g", least, most);
}

/* Planted: a kernel that lets one clipped token count. */
static sl_status one_too_many(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                              const sl_objective *o, const sl_gated_loss_batch *b) {
  const sl_status status = sl_gated_loss(ctx, d, e, sums, o, b);
  for (size_t s = 0; s < b->n_seq; s++)
    if (sums[s].below_half > sums[s].clamped) {
      sums[s].weight_sum += 1.0;
      break;
    }
  return status;
}

/* Groups of 1 and 5 tokens, of 8 and 2, and one without variance (A = 0, so `neg`): r = 2 is beyond
 * 1.28, r = 1/2 below 0.8. */
static step uneven_groups(void) {
  static const uint32_t lengths[] = {1, 5, 8, 2, 2, 2};
  static const float advantages[] = {1, -1, 1, -1, 0, 0};
  step p = {.n_groups = 3, .n_seq = 6, .group = {0, 2, 4, 6}};
  for (size_t s = 0; s < 6; s++) {
    p.seq[s + 1] = p.seq[s] + lengths[s], p.tokens[s] = lengths[s];
    p.advantage[s] = advantages[s], p.coefficient[s] = 0.1;
  }
  p.t = p.seq[6];
  for (size_t t = 0; t < p.t; t++) p.mask[t] = 1, p.old[t] = p.new[t] = -1.0f;
  p.new[0] = -0.25f;                 /* A > 0, up: clipped; 1 of 6 in its group */
  p.new[1] = -0.25f;                 /* A < 0, up: not */
  p.new[6] = -1.75f;                 /* A > 0, down: not */
  p.new[14] = p.new[15] = -1.75f;    /* A < 0, down: clipped; 2 of 10 */
  p.new[16] = -1.75f, p.new[17] = 0; /* A = 0, down and up: the first is, by `neg`; 1 of 4 */
  return p;
}

Test(update_ratios, groups_count_alike_whatever_their_length) {
  const step p = uneven_groups();
  sl_objective o = objective_of(SL_GATE_CLIP, 1.0f);
  const outcome got = loss_of(&p, &o);
  const sl_update_ratios ratios = measured(&p, &o, &got);
  cr_expect_eq(ratios.clipped, (1.0 / 6.0 + 2.0 / 10.0 + 1.0 / 4.0) / 3.0);
  cr_expect_eq(ratios.effective, (5.0 / 6.0 + 8.0 / 10.0 + 3.0 / 4.0) / 3.0);
  cr_expect_eq(ratios.clipped_tokens, 3.0 / 20.0);
  o.gate.family[1] = SL_GATE_SIGMOID;
  const sl_update_ratios mixed = measured(&p, &o, &got);
  cr_expect(isnan(mixed.clipped) && isnan(mixed.clipped_tokens));
}

/* The same by token; with the signs of two clipped tokens turned they are clipped no more, and one
 * of another sequence now is (spec O4.7). */
Test(update_ratios, signs_are_the_tokens) {
  step p = uneven_groups();
  const sl_objective o = objective_of(SL_GATE_CLIP, 1.0f);
  p.by_token = 1;
  for (size_t s = 0; s < p.n_seq; s++)
    for (size_t t = p.seq[s]; t < p.seq[s + 1]; t++) p.token_advantage[t] = p.advantage[s];
  const outcome got = loss_of(&p, &o);
  cr_expect_eq(measured(&p, &o, &got).clipped, (1.0 / 6.0 + 2.0 / 10.0 + 1.0 / 4.0) / 3.0);
  p.token_advantage[0] = -1.0f, p.token_advantage[14] = 1.0f, p.token_advantage[17] = 2.0f;
  p.new[15] = -2000.0f, p.token_advantage[15] = 1.0f; /* clamped, whatever its sign */
  const outcome turned = loss_of(&p, &o);
  const sl_update_ratios ratios = measured(&p, &o, &turned);
  cr_expect_eq(ratios.clipped, (0.0 / 6.0 + 1.0 / 10.0 + 2.0 / 4.0) / 3.0);
  cr_expect_eq(ratios.effective, (6.0 / 6.0 + 9.0 / 10.0 + 2.0 / 4.0) / 3.0);
  cr_expect_eq(ratios.clipped_tokens, 1.0 / 20.0);
}

/* On policy every weight is 1, and the ratio exactly so, for any lengths. */
Test(update_ratios, first_update_has_one) {
  for (uint64_t seed = 1; seed <= 60; seed++) {
    source s = seeded(seed);
    step p = random_step(&s);
    finish_step(&p, SL_ADV_STD_SAMPLE, SL_AGG_SEQUENCE_MEAN);
    memcpy(p.new, p.old, sizeof p.new);
    const sl_objective o = random_objective(&s);
    const outcome got = loss_of(&p, &o);
    cr_assert_eq(measured(&p, &o, &got).effective, 1.0, "seed %llu", (unsigned long long)seed);
  }
}

Test(update_ratios, a_clipped_token_that_counts_is_seen) {
  const step p = uneven_groups();
  const sl_objective o = objective_of(SL_GATE_CLIP, 1.0f);
  planted_loss = one_too_many;
  const outcome got = loss_of(&p, &o);
  planted_loss = NULL;
  const sl_update_ratios ratios = measured(&p, &o, &got);
  cr_expect(fabs(ratios.effective + ratios.clipped - 1.0) > 6.0 * 0x1p-53);
}

Test(update_ratios, offsets_that_do_not_fit_are_refused) {
  step p = uneven_groups();
  const sl_objective o = objective_of(SL_GATE_CLIP, 1.0f);
  const outcome got = loss_of(&p, &o);
  const sl_gated_loss_batch batch = batch_of(&p);
  static const uint32_t bad[][4] = {{1, 2, 4, 6}, {0, 4, 2, 6}, {0, 2, 4, 5}};
  static const char *const words[] = {"group[0] is 1, not 0", "group[2] is 2, below group[1] = 4",
                                      "group[3] is 5, not 6, the number of sequences"};
  sl_update_ratios ratios = {2.0, 3.0, 4.0};
  sl_error err;
  for (size_t i = 0; i < 3; i++) {
    cr_expect_eq(sl_update_measure(&ratios, &o, &batch, got.sums, bad[i], 3, &err), SL_ERR_INPUT);
    cr_expect_str_eq(err.message, words[i]);
  }
  memset(p.mask, 0, sizeof p.mask);
  cr_expect_eq(sl_update_measure(&ratios, &o, &batch, got.sums, p.group, 3, &err), SL_ERR_INPUT);
  cr_expect_eq(ratios.effective, 2.0);
}

/* The values of spec O5.1 and O5.2, by hand: what is added is of few bits, so that no sum rounds.
 */
Test(update_ratios, values_are_sums_and_means_over_the_update) {
  const sl_loss_sums sums[] = {
      {1.0, 0.5, 2.0, 4.0, -2.0, 8.0, 3.0, 5.0, 1.5f, 4, 1, 2, 0.25, 3, 0},
      {.tokens = 0},
      {-4.0, 0.25, 1.0, 1.0, 6.0, 10.0, 1.0, 2.0, 3.5f, 12, 3, 0, -8.25, 1, 0}};
  sl_loss_metrics m;
  sl_loss_measure(&m, sums, 3);
  cr_expect(m.tokens == 16.0 && m.sequences == 2.0 && m.clamped == 2.0 && m.kl_clamped == 4.0);
  cr_expect(m.objective == -3.0 && m.centred == 0.75 && m.kl == 3.0 && m.entropy == 5.0);
  cr_expect(m.ratio_mean == 1.25 && m.ratio_variance == 1.125 - 0.0625 && m.ratio_max == 3.5);
  cr_expect(m.weight_mean == 0.25 && m.below_half == 0.25 && m.approximate_kl == 0.75);
  cr_expect(isnan(m.update.effective) && isnan(m.update.clipped) && isnan(m.update.clipped_tokens));
  const sl_loss_sums narrow = {.y_sum = 4.0, .y_square_sum = 3.0, .tokens = 4};
  sl_loss_measure(&m, &narrow, 1); /* rounded sums can give a variance below 0 */
  cr_expect(m.ratio_variance == 0.0 && !signbit(m.ratio_variance));
  sl_loss_measure(&m, sums + 1, 1);
  cr_expect(m.tokens == 0.0 && m.objective == 0.0 && m.ratio_max == 0.0 && m.sequences == 0.0);
  cr_expect(isnan(m.ratio_mean) && isnan(m.ratio_variance) && isnan(m.weight_mean) &&
            isnan(m.below_half) && isnan(m.approximate_kl));
}

/* Parts with the step's denominators have the coefficients of the step (spec O4.1). */
Test(update_ratios, parts_have_the_coefficients_of_the_step) {
  static const uint32_t tokens[] = {7, 0, 1, 12, 3};
  for (int rule = 0; rule < 3; rule++) {
    const sl_aggregation aggregation = (sl_aggregation)rule;
    double step_wide[5], part[5] = {0.0}, kept = 7.0;
    sl_error err;
    cr_assert_eq(sl_objective_coefficients(step_wide, tokens, 5, aggregation, 9.0, &err), SL_OK);
    for (size_t i = 0; i < 5; i++) /* the other denominator is not looked at */
      cr_expect_eq(sl_objective_part_coefficients(part + i, tokens + i, 1, aggregation, 9.0,
                                                  rule == SL_AGG_TOKEN_MEAN ? (double)NAN : 4.0,
                                                  rule == SL_AGG_TOKEN_MEAN ? 23.0 : 0.0, &err),
                   SL_OK);
    cr_expect_eq(memcmp(step_wide, part, sizeof step_wide), 0);
    static const double bad[] = {0.5, -1.0, (double)INFINITY, (double)NAN};
    for (size_t i = 0; i < 4; i++) {
      cr_expect_eq(
          sl_objective_part_coefficients(&kept, tokens, 1, aggregation, 9.0, bad[i], bad[i], &err),
          SL_ERR_USAGE);
      cr_expect_not_null(strstr(err.message, rule == SL_AGG_TOKEN_MEAN ? "tokens" : "sequences"));
    }
    cr_expect_eq(kept, 7.0);
  }
}

/* spec O4.1: any byte but 0 is set. Lengths on either side of a byte's counts. */
Test(update_ratios, tokens_are_the_bytes_that_are_not_zero) {
  static const uint32_t length[] = {0, 1, 254, 255, 256, 510, 511, 1300};
  enum { N = sizeof length / sizeof *length };
  static uint8_t mask[4000];
  uint32_t seq[N + 1] = {0}, want[N], got[N];
  for (int filling = 0; filling < 3; filling++) { /* none set, all, every third not */
    for (size_t s = 0; s < N; s++) {
      seq[s + 1] = seq[s] + length[s], want[s] = 0;
      for (uint32_t i = seq[s]; i < seq[s + 1]; i++) {
        mask[i] = (uint8_t)(filling == 0 ? 0 : filling == 1 ? 255 : i % 3);
        want[s] += mask[i] != 0;
      }
    }
    sl_objective_tokens(got, mask, seq, N);
    cr_expect_eq(memcmp(got, want, sizeof got), 0, "filling %d", filling);
  }
}

/* A batch so long that threads share its check: the first bad token is named, and a masked one is
 * none (spec O1.3). */
Test(update_ratios, a_bad_token_of_a_long_batch_is_named) {
  enum { LONG = 1 << 16, LAST = 3 * LONG };
  static float new[LAST], old[LAST], d[LAST];
  static uint8_t mask[LAST];
  const uint32_t seq[] = {0, LONG, 2 * LONG, LAST};
  const float advantage[] = {1.0f, -1.0f, 0.5f};
  const double coefficient[] = {0.5, 0.25, 0.125};
  const sl_objective o = {.gate = {.family = {SL_GATE_SIGMOID, SL_GATE_SIGMOID}, .tau = {1, 1}}};
  const sl_gated_loss_batch batch = {.logp_new = new,
                                     .logp_old = old,
                                     .mask = mask,
                                     .seq = seq,
                                     .advantage = advantage,
                                     .coefficient = coefficient,
                                     .n_seq = 3};
  sl_loss_sums sums[3];
  sl_context *ctx;
  sl_error err;
  memset(mask, 1, sizeof mask);
  cr_assert_eq(sl_context_create(&ctx, &(sl_context_options){.backend = "cpu", .threads = 2}, &err),
               SL_OK);
  mask[LONG + 7] = 0, new[LONG + 7] = NAN;
  cr_expect_eq(sl_gated_loss(ctx, d, NULL, sums, &o, &batch), SL_OK);
  new[2 * LONG + 5] = INFINITY, old[LAST - 1] = NAN;
  cr_expect_eq(sl_gated_loss(ctx, d, NULL, sums, &o, &batch), SL_ERR_NONFINITE);
  const char *said = sl_context_error(ctx)->message;
  cr_expect_not_null(strstr(said, "logp_new"), "%s", said);
  cr_expect_not_null(strstr(said, "131077"), "%s", said);
  sl_context_destroy(ctx);
}
