/* Sampled evaluation (spec L4.5, F4.11). */
#include "sampled_evaluation.h"

#include "kernels/support/cli.h"
#include "kernels/support/text_stream.h"
#include "trainer/files/file.h"
#include "trainer/files/json.h"
#include "trainer/files/log.h"

#include <stdlib.h>
#include <string.h>

/* An evaluation that goes on. */
typedef struct {
  sl_run_state *run;
  const sl_sampling_plan *plan;
  sl_sampled_counts counts;
  sl_log *log;
  char *head; /* the first line, without its newline */
  size_t head_size;
  size_t lines;              /* read so far, the head included */
  size_t done;               /* completions of problems that are complete */
  uint64_t bytes, kept;      /* of lines read; of those up to the last complete problem */
  sl_sampled_counts pending; /* of the problem that is being read */
} evaluation;

static sl_status no_memory(sl_error *err) {
  return sl_fail(err, SL_ERR_MEMORY, "no memory for an evaluation");
}

/* What the completions are a function of. */
static sl_status make_head(evaluation *e, sl_error *err) {
  const sl_run_state *run = e->run;
  const sl_sampling *s = &e->plan->sampling;
  char model[SL_DIGEST_TEXT], task[SL_DIGEST_TEXT];
  SL_TRY(sl_parameters_digest(model, run->ctx, run->policy.layout, run->policy.data, err));
  SL_TRY(sl_task_digest(task, &run->task, err));
  sl_text_stream made;
  FILE *out = sl_text_stream_open(&made);
  if (!out) return no_memory(err);
  fprintf(
      out,
      "{\"kind\":\"evaluation\",\"version\":1,\"model\":\"%s\",\"task\":\"%s\",\"problems\":%zu,"
      "\"samples\":%zu,\"seed\":%llu,\"temperature\":%.9g,\"top_k\":%u,\"top_p\":%.17g,"
      "\"max_new\":%lld,\"reward\":\"%s\",\"answer_in\":\"%s\"}",
      model, task, run->task.held_out.n, e->plan->samples, (unsigned long long)s->seed,
      (double)s->temperature, s->top_k, s->top_p, (long long)run->config.rl.max_new_tokens,
      sl_component_names[run->task.reward],
      run->config.reward.answer_in == SL_CONFIG_ANSWER_IN_TAGS ? "tags" : "completion");
  e->head = sl_text_stream_close(&made), e->head_size = made.size;
  return e->head ? SL_OK : no_memory(err);
}

/* The counts of a completion join those of its problem, and these all others once it is complete.
 */
static void add_completion(evaluation *e, size_t number, int correct, int ended, int by_text,
                           double format) {
  const size_t p = number / e->plan->samples;
  if (number % e->plan->samples == 0) {
    e->counts.correct[p] = 0;
    e->pending = (sl_sampled_counts){0};
  }
  e->counts.correct[p] += correct != 0;
  e->pending.ended += ended != 0, e->pending.by_text += by_text != 0, e->pending.format += format;
  if ((number + 1) % e->plan->samples) return;
  e->counts.ended += e->pending.ended, e->counts.by_text += e->pending.by_text;
  e->counts.format += e->pending.format;
  e->done = number + 1;
}

static sl_status refuse_file(const char *file, sl_error *err) {
  return sl_fail(err, SL_ERR_MISMATCH,
                 "%s:1: not of this evaluation: another model, task, seed, number of samples or "
                 "sampling; name another file",
                 file);
}

static sl_status check_head(const evaluation *e, const sl_json *line, sl_error *err) {
  if (line->size == e->head_size && memcmp(line->text, e->head, e->head_size) == 0) return SL_OK;
  return refuse_file(line->file, err);
}

/* A file without a complete line can only be one whose head was cut off. */
static sl_status check_torn_head(const evaluation *e, sl_error *err) {
  char *text;
  size_t size;
  if (e->log->size > e->head_size) return refuse_file(e->log->path, err);
  SL_TRY(sl_file_read(&text, &size, e->log->path, e->head_size, err));
  const int is_head = size <= e->head_size && memcmp(text, e->head, size) == 0;
  free(text);
  return is_head ? SL_OK : refuse_file(e->log->path, err);
}

static sl_status read_completion(evaluation *e, const sl_json *line, sl_error *err) {
  const size_t number = e->lines - 2, most = e->counts.problems * e->plan->samples;
  size_t problem, sample;
  int correct, ended, by_text;
  double format;
  if (number >= most)
    return sl_fail(err, SL_ERR_INPUT, "%s:%zu:1: a line behind the last completion", line->file,
                   e->lines);
  SL_TRY(sl_json_size(line, "problem", 0, e->counts.problems - 1, &problem, err));
  SL_TRY(sl_json_size(line, "sample", 0, e->plan->samples - 1, &sample, err));
  if (problem * e->plan->samples + sample != number)
    return sl_json_fail(line, "problem", err, "expected problem %zu, sample %zu",
                        number / e->plan->samples, number % e->plan->samples);
  SL_TRY(sl_json_bool(line, "correct", &correct, err));
  SL_TRY(sl_json_bool(line, "ended", &ended, err));
  SL_TRY(sl_json_bool(line, "by_text", &by_text, err));
  SL_TRY(sl_json_real(line, "format", &format, err));
  add_completion(e, number, correct, ended, by_text, format);
  return SL_OK;
}

static sl_status read_line(const sl_json *line, void *user, sl_error *err) {
  evaluation *e = user;
  e->lines++;
  SL_TRY(e->lines == 1 ? check_head(e, line, err) : read_completion(e, line, err));
  e->bytes += line->size + 1;
  if (e->lines - 1 == e->done) e->kept = e->bytes;
  return SL_OK;
}

/* Reads what there is, and cuts the file back to its last complete problem; a new one gets its
 * head. */
static sl_status take_up(evaluation *e, sl_error *err) {
  const char *slash = strrchr(e->plan->path, '/');
  char *folder = slash ? strndup(e->plan->path, (size_t)(slash - e->plan->path) + 1) : strdup(".");
  if (!folder) return no_memory(err);
  const sl_status opened = sl_log_open(&e->log, folder, slash ? slash + 1 : e->plan->path, 0, err);
  free(folder);
  if (opened) return opened;
  size_t unfinished;
  SL_TRY(sl_json_log_lines(e->log->path, read_line, e, &unfinished, NULL, err));
  if (e->lines) return sl_log_cut(e->log, e->kept, err);
  SL_TRY(check_torn_head(e, err));
  SL_TRY(sl_log_cut(e->log, 0, err));
  fwrite(e->head, 1, e->head_size, e->log->line);
  return sl_log_append(e->log, err);
}

static sl_status write_completion(evaluation *e, const sl_rollout *r, size_t q, sl_error *err) {
  const sl_run_state *run = e->run;
  const size_t number = r->first + q, p = number / e->plan->samples;
  const size_t first = r->seq[q] + r->prompt_length[q], n = r->seq[q + 1] - first;
  const sl_tags tags = sl_config_tags(&run->config);
  sl_grade_by by = SL_GRADE_BY_VALUE;
  const double reward =
      sl_answer_reward(run, r, q, run->task.reward, run->task.held_out.items[p].gold, &by);
  sl_tokenizer_decode_into(run->tokenizer, r->ids + first, n, run->text);
  const int is_text = sl_tokenizer_is_text(run->tokenizer, r->ids + first, n);
  const double format = is_text ? sl_template_reward(&tags, run->text) : 0.0;
  FILE *out = e->log->line;
  fprintf(out, "{\"problem\":%zu,\"sample\":%zu,\"correct\":%s,\"ended\":%s,\"by_text\":%s,", p,
          number % e->plan->samples, reward > 0 ? "true" : "false", r->ended[q] ? "true" : "false",
          by == SL_GRADE_BY_TEXT ? "true" : "false");
  fprintf(out, "\"format\":%.17g,\"completion\":", format);
  sl_cli_json_text(out, run->text);
  fputs(",\"ids\":[", out);
  for (size_t i = 0; i < n; i++) fprintf(out, "%s%u", i ? "," : "", r->ids[first + i]);
  fputs("]}", out);
  add_completion(e, number, reward > 0, r->ended[q], by == SL_GRADE_BY_TEXT, format);
  return sl_log_append(e->log, err);
}

/* Problems [first, first + n). */
static sl_status evaluate_piece(evaluation *e, size_t first, size_t n, sl_error *err) {
  sl_run_state *run = e->run;
  sl_rollout r;
  for (size_t i = 0; i < n; i++) run->chosen[i] = (uint32_t)(first + i);
  SL_TRY(sl_run_state_encode(run, &run->task.held_out, run->chosen, n, err));
  SL_TRY(sl_generate(run->generator, &run->prompts, e->plan->samples,
                     (size_t)run->config.rl.max_new_tokens, (uint32_t)(first * e->plan->samples),
                     &e->plan->sampling, &r, err));
  for (size_t q = 0; q < r.n; q++) SL_TRY(write_completion(e, &r, q, err));
  return SL_OK;
}

static sl_status evaluate(evaluation *e, sl_error *err) {
  SL_TRY(make_head(e, err));
  SL_TRY(take_up(e, err));
  const size_t n = e->counts.problems, at_once = e->run->max_sequences / e->plan->samples;
  for (size_t first = e->done / e->plan->samples; first < n; first += at_once)
    SL_TRY(evaluate_piece(e, first, n - first < at_once ? n - first : at_once, err));
  return sl_log_sync(e->log, err);
}

sl_status sl_evaluate_samples(sl_run_state *run, const sl_sampling_plan *plan,
                              sl_sampled_counts *out, sl_error *err) {
  const size_t n = run->task.held_out.n;
  evaluation e = {.run = run,
                  .plan = plan,
                  .counts = {n, plan->samples, calloc(n ? n : 1, sizeof(uint32_t)), 0, 0, 0.0}};
  sl_status status = e.counts.correct ? SL_OK : no_memory(err);
  if (!status && n > UINT32_MAX / plan->samples)
    status = sl_fail(err, SL_ERR_USAGE, "%zu samples of %zu problems: more than 2^32 sequences",
                     plan->samples, n);
  if (!status) status = evaluate(&e, err);
  sl_log_close(e.log);
  free(e.head);
  if (status)
    free(e.counts.correct);
  else
    *out = e.counts;
  return status;
}
