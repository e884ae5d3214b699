/* The rewards of a rollout: sums of weighted components (spec L3.4, F3.6 to F3.10). */
#include "reward_answers.h"
#include "reward_program.h"
#include "run_state.h"

#include "kernels/core/verify.h"
#include "kernels/support/cli.h"
#include "kernels/support/text_stream.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t *completion(const sl_rollout *r, size_t q, size_t *n) {
  const size_t first = r->seq[q] + r->prompt_length[q];
  *n = r->seq[q + 1] - first;
  return r->ids + first;
}

static const sl_problem *problem_of(const sl_run_state *run, size_t q) {
  return &run->task.train.items[run->chosen[q / (size_t)run->config.rl.group]];
}

/* The text of a completion in run->text. 0 if a token of it is no character, such as padding or one
 * that only the model's vocabulary has (spec F3.6). */
static int decode(const sl_run_state *run, const sl_rollout *r, size_t q) {
  size_t n;
  const uint32_t *ids = completion(r, q, &n);
  sl_tokenizer_decode_into(run->tokenizer, ids, n, run->text);
  return sl_tokenizer_is_text(run->tokenizer, ids, n);
}

/* Of the text in run->text, which is cut to the answer where that stands between tags. */
static double answer_reward(const sl_run_state *run, int ended, sl_reward_kind kind,
                            const char *gold, sl_grade_by *by) {
  if (run->config.reward.answer_in != SL_CONFIG_ANSWER_IN_TAGS)
    return sl_reward_by(kind, run->text, ended, gold, by);
  const sl_tags tags = sl_config_tags(&run->config);
  const char *begin;
  size_t n;
  if (!sl_template_answer(&tags, run->text, &begin, &n)) return 0.0;
  char *end = run->text + (begin - run->text) + n;
  const char kept = *end;
  *end = 0;
  const double reward = sl_reward_by(kind, begin, ended, gold, by);
  *end = kept;
  return reward;
}

double sl_answer_reward(const sl_run_state *run, const sl_rollout *r, size_t q, sl_reward_kind kind,
                        const char *gold, sl_grade_by *by) {
  return decode(run, r, q) ? answer_reward(run, r->ended[q], kind, gold, by) : 0.0;
}

/* A component of the completion in run->text; those that need a text are 0 where it is none. */
static double component_of(const sl_run_state *run, const sl_rollout *r, size_t q, sl_component k,
                           int is_text) {
  const sl_config *c = &run->config;
  const sl_tags tags = sl_config_tags(c);
  sl_grade_by by;
  size_t n;
  switch (k) {
    case SL_COMPONENT_EXACT:
    case SL_COMPONENT_NUMERIC:
    case SL_COMPONENT_MATH:
      return is_text
                 ? answer_reward(run, r->ended[q], (sl_reward_kind)k, problem_of(run, q)->gold, &by)
                 : 0.0;
    case SL_COMPONENT_FORMAT:
      return is_text ? sl_template_reward(&tags, run->text) : 0.0;
    case SL_COMPONENT_LENGTH:
      completion(r, q, &n);
      return sl_length_reward(n, sl_config_length_limit(c), (size_t)c->reward.length_buffer);
    case SL_COMPONENT_COMMAND: /* asked later, all at once */
    case SL_COMPONENT_COUNT:
      break;
  }
  return 0.0;
}

/* The components that are summed, and the answer's, which says success. */
static void score(const sl_run_state *run, const sl_rollout *r, size_t q, double *component) {
  const sl_reward_weights w = sl_config_reward_weights(&run->config);
  const int is_text = decode(run, r, q);
  for (int k = 0; k < SL_COMPONENT_COUNT; k++)
    component[k] = w.listed[k] || k == (int)run->task.reward
                       ? component_of(run, r, q, (sl_component)k, is_text)
                       : 0.0;
}

/* Problem and completion, for a message: completions of a group count from 1. */
static sl_status fail_at(const sl_run_state *run, const sl_rollout *r, size_t q, sl_error *err,
                         const char *why) {
  decode(run, r, q);
  return sl_fail(err, SL_ERR_INPUT, "problem '%.80s', completion %zu of %lld ('%.80s'): %s",
                 problem_of(run, q)->prompt, q % (size_t)run->config.rl.group + 1,
                 (long long)run->config.rl.group, run->text, why);
}

/* spec F3.7 */
static sl_status add_up(sl_run_state *run, const sl_rollout *r, size_t q, sl_error *err) {
  const sl_reward_weights w = sl_config_reward_weights(&run->config);
  const double *component = run->component + q * SL_COMPONENT_COUNT;
  double sum = 0.0;
  for (int k = 0; k < SL_COMPONENT_COUNT; k++)
    if (w.listed[k]) sum += w.weight[k] * component[k];
  run->reward[q] = sum;
  if (isfinite(sum)) return SL_OK;
  char why[400] = "its reward is not finite:";
  for (int k = 0; k < SL_COMPONENT_COUNT; k++) {
    const size_t used = strlen(why);
    if (w.listed[k])
      snprintf(why + used, sizeof why - used, " %s %g x %g", sl_component_names[k], w.weight[k],
               component[k]);
  }
  return fail_at(run, r, q, err, why);
}

/* What the program is asked, without the id: the text that a recorded answer is known by. */
static void write_request(FILE *out, const sl_run_state *run, const sl_rollout *r, size_t q) {
  const sl_problem *p = problem_of(run, q);
  decode(run, r, q);
  fputs("\"prompt\":", out), sl_cli_json_text(out, p->prompt);
  fputs(",\"completion\":", out), sl_cli_json_text(out, run->text);
  fputs(",\"answer\":", out), sl_cli_json_text(out, p->answer);
  fprintf(out, ",\"ended\":%s,\"ids\":[", r->ended[q] ? "true" : "false");
  size_t n;
  const uint32_t *ids = completion(r, q, &n);
  for (size_t i = 0; i < n; i++) fprintf(out, "%s%" PRIu32, i ? "," : "", ids[i]);
  fputs("]}", out);
}

/* The requests of a rollout: those without a recorded answer are asked. */
typedef struct {
  sl_reward_answer *answer; /* (n) */
  sl_reward_request *ask;   /* (asked) */
  size_t *sequence;         /* (asked) */
  size_t n, asked;
} requests;

static void free_requests(requests *all) {
  for (size_t i = 0; i < all->asked; i++) free((char *)(uintptr_t)all->ask[i].line);
  free(all->answer);
  free(all->ask);
  free(all->sequence);
}

static sl_status no_memory(sl_error *err) {
  return sl_fail(err, SL_ERR_MEMORY, "no memory for the requests of reward.command");
}

/* The line that asks for sequence q, and its digest. */
static sl_status make_line(char **line, char digest[SL_DIGEST_TEXT], const sl_run_state *run,
                           const sl_rollout *r, size_t q, size_t id, sl_error *err) {
  char head[40];
  const int begins = snprintf(head, sizeof head, "{\"id\":%zu,", id);
  sl_text_stream made;
  FILE *out = sl_text_stream_open(&made);
  if (!out) return no_memory(err);
  fputs(head, out);
  write_request(out, run, r, q);
  char *text = sl_text_stream_close(&made);
  if (!text) return no_memory(err);
  sl_digest_bytes(digest, text + begins, made.size - (size_t)begins);
  *line = text;
  return SL_OK;
}

static sl_status add_request(requests *all, const sl_run_state *run, const sl_rollout *r, size_t q,
                             sl_error *err) {
  sl_reward_answer *a = &all->answer[q];
  char *line = NULL;
  const sl_status status = make_line(&line, a->request, run, r, q, all->asked, err);
  if (status) return status;
  a->step = run->rl_step + 1, a->sequence = r->first + q;
  const sl_reward_answers *from = run->replay ? run->replay : run->answers;
  if (from && sl_reward_answers_find(from, a)) {
    free(line);
    return SL_OK;
  }
  all->ask[all->asked] = (sl_reward_request){line, 0.0, 0};
  all->sequence[all->asked++] = q;
  if (!run->replay) return SL_OK;
  return fail_at(run, r, q, err, "reward.replay has no answer for it: another run's answers");
}

static sl_status start_program(sl_run_state *run, sl_error *err) {
  const sl_config *c = &run->config;
  if (run->program) return SL_OK;
  return sl_reward_program_create(&run->program, c->reward.command, c->run.base,
                                  (size_t)c->reward.command_processes, c->reward.command_seconds,
                                  err);
}

static sl_status ask(requests *all, sl_run_state *run, const sl_rollout *r, sl_error *err) {
  size_t failed;
  sl_error why;
  if (all->asked == 0) return SL_OK;
  sl_status status = start_program(run, err);
  if (status) return status;
  status = sl_reward_program_ask(run->program, all->ask, all->asked, &failed, &why);
  if (status == SL_ERR_INPUT) return fail_at(run, r, all->sequence[failed], err, why.message);
  if (status) return sl_fail(err, status, "%s", why.message);
  for (size_t i = 0; !status && i < all->asked; i++) {
    sl_reward_answer *a = &all->answer[all->sequence[i]];
    a->reward = all->ask[i].reward, a->timed_out = all->ask[i].timed_out;
    if (run->answers) status = sl_reward_answers_add(run->answers, a, err);
  }
  return status;
}

/* spec F3.10 */
static sl_status command_rewards(sl_run_state *run, const sl_rollout *r, uint64_t *timed_out,
                                 sl_error *err) {
  SL_VERIFY(r->n > 0);
  requests all = {.answer = calloc(r->n, sizeof *all.answer),
                  .ask = calloc(r->n, sizeof *all.ask),
                  .sequence = calloc(r->n, sizeof *all.sequence),
                  .n = r->n};
  sl_status status = all.answer && all.ask && all.sequence ? SL_OK : no_memory(err);
  for (size_t q = 0; !status && q < r->n; q++) status = add_request(&all, run, r, q, err);
  if (!status) status = ask(&all, run, r, err);
  for (size_t q = 0; !status && q < r->n; q++) {
    run->component[q * SL_COMPONENT_COUNT + SL_COMPONENT_COMMAND] = all.answer[q].reward;
    *timed_out += all.answer[q].timed_out != 0;
  }
  free_requests(&all);
  return status;
}

sl_status sl_rewards(sl_run_state *run, const sl_rollout *r, uint64_t *timed_out, sl_error *err) {
  sl_status status = SL_OK;
  *timed_out = 0;
  for (size_t q = 0; q < r->n; q++) score(run, r, q, run->component + q * SL_COMPONENT_COUNT);
  if (sl_config_reward_weights(&run->config).listed[SL_COMPONENT_COMMAND])
    status = command_rewards(run, r, timed_out, err);
  for (size_t q = 0; !status && q < r->n; q++) status = add_up(run, r, q, err);
  return status;
}
