/* The rollout of a step (spec L3.2 to L3.5), and the rounds of dynamic sampling (spec L3.12). */
#include "run_rollout.h"

#include <sluice/random.h>

#include <math.h>
#include <string.h>

static size_t prompts_of(const sl_run_state *run) { return (size_t)run->config.rl.prompts; }
static size_t group_of(const sl_run_state *run) { return (size_t)run->config.rl.group; }

size_t sl_run_sampled_sequences(const sl_config *c) {
  const int64_t rounds = c->rl.dynamic_sampling ? c->rl.dynamic_sampling : 1;
  return (size_t)(rounds * c->rl.prompts * c->rl.group);
}

/* spec L3.2 and L3.3; round 0 where there are none */
static sl_status sample(sl_run_state *run, size_t round, sl_rollout *r, sl_error *err) {
  const sl_config *c = &run->config;
  const size_t n = prompts_of(run), group = group_of(run);
  for (size_t p = 0; p < n; p++) run->chosen[p] = sl_data_order_next(&run->rl_order);
  const sl_sampling sampling = {c->rl.temperature, (uint32_t)c->rl.top_k, c->rl.top_p,
                                (uint64_t)c->run.seed, (uint32_t)run->rl_step};
  const sl_status status = sl_run_state_encode(run, &run->task.train, run->chosen, n, err);
  if (status) return status;
  return sl_generate(run->generator, &run->prompts, group, (size_t)c->rl.max_new_tokens,
                     (uint32_t)(round * n * group), &sampling, r, err);
}

/* Control: the rewards of a round in another order, so that they say nothing of their completions
 * (spec L3.5). */
static void shuffle_rewards(sl_run_state *run, size_t n, size_t round) {
  for (size_t i = 0; i < n; i++) run->reward_order[i] = (uint32_t)i;
  sl_random_shuffle(run->reward_order, n, (uint64_t)run->config.run.seed, (uint32_t)round,
                    (uint32_t)run->rl_step, SL_RANDOM_REWARD_SHUFFLE);
  memcpy(run->reward_in_order, run->reward, n * sizeof *run->reward);
  for (size_t i = 0; i < n; i++) run->reward[i] = run->reward_in_order[run->reward_order[i]];
}

/* Adds the sequences of a round to the sums of a rollout (spec L3.10). */
static void count_round(const sl_run_state *run, const sl_rollout *r, sl_step_report *report) {
  for (size_t q = 0; q < r->n; q++) {
    run->sampled_reward[report->sampled + q] = run->reward[q];
    report->reward_mean += run->reward[q];
    const double *component = run->component + q * SL_COMPONENT_COUNT;
    report->success += component[run->task.reward] >= 1.0;
    for (int k = 0; k < SL_COMPONENT_COUNT; k++) report->component_mean[k] += component[k];
    const uint32_t n = r->seq[q + 1] - r->seq[q] - r->prompt_length[q];
    report->length_mean += (double)n;
    if (n > report->length_max) report->length_max = n;
    report->truncated += !r->ended[q];
  }
  report->sampled += r->n;
  report->sampled_tokens += r->seq[r->n];
}

/* Sums become means; all of the rollout's sequences count, kept or not. */
static void finish_counts(const sl_run_state *run, sl_step_report *report) {
  const size_t groups = report->sampled / group_of(run);
  const double n = (double)report->sampled, mean = report->reward_mean / n;
  double squares = 0.0;
  for (size_t q = 0; q < report->sampled; q++)
    squares = fma(run->sampled_reward[q] - mean, run->sampled_reward[q] - mean, squares);
  report->reward_mean = mean;
  report->reward_std = sqrt(squares / n);
  report->success /= n;
  for (int k = 0; k < SL_COMPONENT_COUNT; k++) report->component_mean[k] /= n;
  report->length_mean /= n;
  report->truncated /= n;
  report->zero_variance = (double)report->flat_groups / (double)groups;
}

/* One round: sampled, scored, counted. */
static sl_status play_round(sl_run_state *run, size_t round, sl_rollout *r, sl_step_report *report,
                            sl_error *err) {
  uint64_t timed_out = 0;
  sl_status status = sample(run, round, r, err);
  if (!status) status = sl_rewards(run, r, &timed_out, err);
  if (status) return status;
  report->timed_out += timed_out;
  if (run->config.rl.shuffle_rewards) shuffle_rewards(run, r->n, round);
  count_round(run, r, report);
  report->rounds++;
  return SL_OK;
}

/* All rewards of a group are equal (spec O3.3). */
static int is_flat(const double *reward, size_t group) {
  for (size_t m = 1; m < group; m++)
    if (reward[m] != reward[0]) return 0;
  return 1;
}

/* Group p of a round behind the groups that are kept. */
static void keep_group(sl_run_state *run, const sl_rollout *r, size_t p) {
  sl_kept_groups *kept = &run->kept;
  sl_rollout *to = &kept->rollout;
  const size_t group = group_of(run), q = p * group, at = to->seq[to->n], from = r->seq[q],
               tokens = r->seq[q + group] - from;
  memcpy(to->ids + at, r->ids + from, tokens * sizeof *to->ids);
  memcpy(to->logp + at, r->logp + from, tokens * sizeof *to->logp);
  kept->chosen[to->n / group] = run->chosen[p];
  for (size_t m = 0; m < group; m++) {
    const size_t i = to->n++;
    kept->reward[i] = run->reward[q + m];
    to->prompt_length[i] = r->prompt_length[q + m], to->ended[i] = r->ended[q + m];
    to->seq[i + 1] = (uint32_t)(at + r->seq[q + m + 1] - from);
  }
}

/* The groups of a round with unequal rewards are kept, in order, until there are enough. */
static void keep_groups(sl_run_state *run, const sl_rollout *r, sl_step_report *report) {
  const size_t group = group_of(run), most = prompts_of(run) * group;
  for (size_t p = 0; p < prompts_of(run); p++) {
    if (is_flat(run->reward + p * group, group))
      report->flat_groups++;
    else if (run->kept.rollout.n < most)
      keep_group(run, r, p);
  }
}

/* spec L3.12 */
static sl_status play_rounds(sl_run_state *run, sl_rollout *out, sl_step_report *report,
                             sl_error *err) {
  sl_kept_groups *kept = &run->kept;
  const size_t most = prompts_of(run) * group_of(run);
  sl_rollout r;
  kept->rollout.n = 0, kept->rollout.seq[0] = 0;
  for (int64_t k = 0; k < run->config.rl.dynamic_sampling && kept->rollout.n < most; k++) {
    const sl_status status = play_round(run, (size_t)k, &r, report, err);
    if (status) return status;
    keep_groups(run, &r, report);
  }
  *out = kept->rollout;
  memcpy(run->reward, kept->reward, out->n * sizeof *run->reward);
  memcpy(run->chosen, kept->chosen, out->n / group_of(run) * sizeof *run->chosen);
  return SL_OK;
}

sl_status sl_run_roll_out(sl_run_state *run, sl_rollout *out, sl_step_report *report,
                          sl_error *err) {
  sl_status status;
  if (run->config.rl.dynamic_sampling) {
    status = play_rounds(run, out, report, err);
  } else {
    status = play_round(run, 0, out, report, err);
    for (size_t p = 0; !status && p < prompts_of(run); p++)
      report->flat_groups += (uint64_t)is_flat(run->reward + p * group_of(run), group_of(run));
  }
  if (status) return status;
  report->kept_groups = out->n / group_of(run);
  finish_counts(run, report);
  return SL_OK;
}
