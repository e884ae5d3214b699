/* sluice eval MODEL: success on a task's held-out problems, greedy or of several samples, or
 * log-probs of token sequences. */
#include "eval_samples.h"
#include "task_notes.h"

#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "kernels/support/output.h"
#include "trainer/files/companions.h"
#include "trainer/files/file.h"
#include "trainer/run/logprobs.h"
#include "trainer/run/run_files.h"
#include "trainer/run/run_template.h"

#include <stdlib.h>
#include <string.h>

#define SEQUENCES 64 /* at a time, the default of --batch */

typedef struct {
  sl_backend_options backend;
  const char *model, *config, *logprobs, *tokens, *completions;
  sl_set_options sets;
  int json;
  size_t samples, max_new, batch, problems; /* 0: not given */
  sl_sampling sampling;
  char task[80]; /* of --task, as --set would have it */
} options;

/* Options without a letter. */
enum {
  SAMPLES = 0x100,
  TEMPERATURE,
  TOP_K,
  TOP_P,
  SEED,
  MAX_NEW,
  BATCH,
  COMPLETIONS,
  TASK,
  PROBLEMS
};

static error_t parse_sampling(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case SAMPLES:
      o->samples = (size_t)sl_argp_integer(state, "samples", arg, 1, 4096);
      return 0;
    case TEMPERATURE:
      o->sampling.temperature = (float)sl_argp_number(state, "temperature", arg, 0, 100);
      return 0;
    case TOP_K:
      o->sampling.top_k = (uint32_t)sl_argp_integer(state, "top-k", arg, 0, 4294967295.0);
      return 0;
    case TOP_P:
      o->sampling.top_p = sl_argp_number(state, "top-p", arg, 1e-6, 1);
      return 0;
    case SEED:
      o->sampling.seed = (uint64_t)sl_argp_integer(state, "seed", arg, 0, 9007199254740992.0);
      return 0;
    case BATCH:
      o->batch = (size_t)sl_argp_integer(state, "batch", arg, 1, 1048576);
      return 0;
    case COMPLETIONS:
      o->completions = arg;
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static void add_task_name(options *o, const char *name, struct argp_state *state) {
  if (o->sets.n == SL_SETS_MAX) argp_error(state, "at most %d --set", SL_SETS_MAX - 1);
  snprintf(o->task, sizeof o->task, "task.name=%.60s", name);
  o->sets.items[o->sets.n++] = o->task;
}

/* Options that say nothing without others. */
static void check_options(const options *o, struct argp_state *state) {
  if (!o->model) argp_error(state, "a model folder or a run is missing");
  if (o->tokens && !o->logprobs) argp_error(state, "--tokens goes with --logprobs");
  if (!o->samples != !o->completions)
    argp_error(state, "--samples goes with --completions, which names the file that keeps them");
  if (o->samples && o->logprobs) argp_error(state, "--samples does not go with --logprobs");
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case ARGP_KEY_INIT:
      state->child_inputs[0] = &o->backend;
      state->child_inputs[1] = &o->sets;
      return 0;
    case 'c':
      o->config = arg;
      return 0;
    case 'l':
      o->logprobs = arg;
      return 0;
    case 'k':
      o->tokens = arg;
      return 0;
    case 'j':
      o->json = 1;
      return 0;
    case ARGP_KEY_ARG:
      if (o->model) argp_error(state, "one model is enough: '%s' is too much", arg);
      o->model = arg;
      return 0;
    case ARGP_KEY_END:
      check_options(o, state);
      return 0;
    case MAX_NEW:
      o->max_new = (size_t)sl_argp_integer(state, "max-new", arg, 1, 131071);
      return 0;
    case PROBLEMS:
      o->problems = (size_t)sl_argp_integer(state, "problems", arg, 1, 1e9);
      return 0;
    case TASK:
      add_task_name(o, arg, state);
      return 0;
    default:
      return parse_sampling(key, arg, state);
  }
}

static const struct argp_option rows[] = {
    {"config", 'c', "CONFIG", 0,
     "where the task is described (default: that of the run, also for its model, best and "
     "checkpoints; else the built-in one)",
     0},
    {"logprobs", 'l', "FILE", 0,
     "write log-probs of token sequences as JSON lines instead ('-': standard output)", 0},
    {"tokens", 'k', "FILE", 0,
     "the sequences: JSON lines {\"tokens\": [...]} (default: the held-out problems with their "
     "answers)",
     0},
    {"json", 'j', NULL, 0, "the result as one JSON object", 0},
    {"task", TASK, "NAME", 0,
     "--set task.name=NAME, and the defaults of all other keys, not those of the run", 0},
    {"problems", PROBLEMS, "N", 0, "the first N held-out problems (default: all)", 0},
    {"max-new", MAX_NEW, "N", 0, "longest completion in tokens (default: rl.max_new_tokens)", 0},
    {"samples", SAMPLES, "K", 0,
     "K completions of each problem, drawn: accuracy with intervals, pass@1 to pass@K", 0},
    {"completions", COMPLETIONS, "FILE", 0,
     "with --samples: where they are kept, as JSON lines; an evaluation that was stopped goes on "
     "there",
     0},
    {"temperature", TEMPERATURE, "T", 0, "of --samples (default 0.7); 0 is greedy", 0},
    {"top-k", TOP_K, "K", 0, "sample among the K likeliest tokens; 0 (default): off", 0},
    {"top-p", TOP_P, "P", 0, "sample within this share of probability; 1 (default): off", 0},
    {"seed", SEED, "SEED", 0, "seed of the draws and of the bootstrap (default 1)", 0},
    {"batch", BATCH, "N", 0,
     "sequences at a time (default 64, at least K); no result depends on it", 0},
    {0}};
static const struct argp_child children[] = {
    {&sl_backend_argp, 0, NULL, 0}, {&sl_set_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    rows,
    parse,
    "MODEL",
    "Success of MODEL (a model folder or a run's folder) on held-out problems: greedy, or of "
    "--samples.",
    children,
    NULL,
    NULL};

/* The run that MODEL is, or that it is a model of: RUN/model, RUN/best, RUN/checkpoints/NAME. *run
 * is NULL for any other folder; freed by the caller. */
static sl_status find_run(char **run, const char *model, sl_error *err) {
  static const char *const ways[] = {".", "..", "../.."};
  *run = NULL;
  for (size_t i = 0; i < sizeof ways / sizeof *ways && !*run; i++) {
    char *folder = i ? sl_path_join(model, ways[i]) : strdup(model);
    if (!folder) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
    if (sl_path_holds(folder, SL_RUN_CONFIG) && (i == 0 || sl_path_holds(folder, SL_RUN_METRICS)))
      *run = folder;
    else
      free(folder);
  }
  return SL_OK;
}

/* The run's own configuration if there is a run, and neither another one nor another task is named.
 */
static sl_status load_config(sl_config *out, const options *o, const char *run, sl_error *err) {
  if (o->config || !run || *o->task)
    return sl_config_load(out, o->config, o->sets.items, o->sets.n, err);
  char *own = sl_path_join(run, SL_RUN_CONFIG);
  if (!own) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  const sl_status status = sl_config_load_recorded(out, own, o->sets.items, o->sets.n, err);
  free(own);
  return status;
}

static void keep_first(sl_problems *held_out, const options *o) {
  if (o->problems && o->problems < held_out->n) held_out->n = o->problems;
}

static sl_status write_logprobs(const options *o, const sl_session *s, const sl_problems *held_out,
                                sl_error *err) {
  const sl_model_shape *shape = &s->parameters.layout->shape;
  sl_token_lists lists;
  sl_status status;
  if (o->tokens)
    status = sl_token_lists_read(&lists, o->tokens, shape->vocab, sl_model_positions(shape), err);
  else if (!s->tokenizer && sl_refuse_foreign_tokenizer(o->model, err))
    return err->status;
  else if (!s->tokenizer)
    status = sl_fail(err, SL_ERR_INPUT,
                     "%s: no tokenizer of Sluice's: name token sequences with --tokens", o->model);
  else
    status = sl_token_lists_encode(&lists, held_out, s->tokenizer, err);
  if (status) return status;
  sl_output out;
  status = sl_output_begin(&out, o->logprobs, err);
  if (!status) {
    status = sl_logprobs_write(s, &lists, out.stream, err);
    if (status)
      sl_output_abort(&out);
    else
      status = sl_output_end(&out, err);
  }
  sl_token_lists_free(&lists);
  return status;
}

static void print_category(void *user, const char *category, size_t solved, size_t n) {
  const int json = *(const int *)user;
  if (!*category) return;
  if (json)
    printf(",\"%s\":[%zu,%zu]", category, solved, n);
  else
    printf("  %-4s %4zu of %4zu  %5.1f %%\n", category, solved, n,
           100.0 * (double)solved / (double)n);
}

/* Evaluates as a run of no steps, whose model is MODEL. */
static sl_status evaluate(const options *o, const char *of_run, sl_config *config, sl_error *err) {
  sl_run_state *run;
  sl_status status = sl_run_state_create(&run, config, SL_EXTENT_EVALUATION, err);
  if (status) return status;
  if (!o->config && !o->sets.n && of_run) status = sl_session_check_task(of_run, &run->task, err);
  if (status) {
    sl_run_state_destroy(run);
    return status;
  }
  keep_first(&run->task.held_out, o);
  sl_task_notes_print(&run->task, &run->config, "sluice eval");
  if (o->samples) {
    const sl_sampling_plan plan = {o->completions, o->samples, o->sampling};
    status = sl_eval_samples(run, &plan, o->json, err);
    sl_run_state_destroy(run);
    return status;
  }
  double success;
  int json = o->json;
  if (json) printf("{\"held_out\":%zu", run->task.held_out.n);
  status = sl_evaluate(run, 0, &success, print_category, &json, err);
  if (!status && json) printf(",\"success\":%.9g}\n", success);
  if (!status && !json)
    printf("held-out success: %.1f %% of %zu problems\n", 100.0 * success, run->task.held_out.n);
  sl_run_state_destroy(run);
  return status;
}

/* Sets keys of a loaded configuration that the command line decides. */
static sl_status adopt(sl_config *config, const options *o, const char *folder, sl_error *err) {
  sl_status status = sl_config_set_text(config, SL_KEY_model_folder, folder, err);
  if (!status) status = sl_config_set_text(config, SL_KEY_run_backend, o->backend.backend, err);
  if (status) return status;
  config->place[SL_KEY_run_backend].from = SL_FROM_DEFAULT; /* of --backend, not of the file */
  config->run.threads = o->backend.threads;
  config->run.isa = (int)o->backend.isa;
  config->rl.beta = 0.0;         /* an evaluation needs no reference, */
  config->rl.temperature = 1.0f; /* and divides no logits */
  if (o->max_new) config->rl.max_new_tokens = (int64_t)o->max_new;
  const int64_t sequences = o->batch     ? (int64_t)o->batch
                            : o->samples ? SEQUENCES
                                         : config->rl.prompts * config->rl.group;
  config->rl.group = o->samples ? (int64_t)o->samples : 1;
  config->rl.prompts = sequences < config->rl.group ? 1 : sequences / config->rl.group;
  return SL_OK;
}

static sl_status eval_logprobs(const options *o, sl_config *config, sl_error *err) {
  sl_session s;
  sl_task task = {0};
  const sl_task_options task_options = sl_config_task_options(config);
  sl_status status = sl_output_check(o->logprobs, err);
  if (!status) status = sl_session_open(&s, o->model, &o->backend, err);
  if (status) return status;
  if (!o->tokens) status = sl_task_load(&task, &task_options, err);
  if (!status && !o->tokens && s.tokenizer)
    status = sl_template_apply_task(config, o->model, s.tokenizer, &task, err);
  keep_first(&task.held_out, o);
  if (!status) status = write_logprobs(o, &s, &task.held_out, err);
  sl_task_free(&task);
  sl_session_close(&s);
  return status;
}

/* Takes over config. */
static sl_status eval_success(const options *o, const char *run, sl_config *config, sl_error *err) {
  char *folder = NULL;
  sl_status status = o->completions ? sl_output_check_place(o->completions, err) : SL_OK;
  if (!status) status = sl_session_find_model(&folder, o->model, err);
  if (!status) status = adopt(config, o, folder, err);
  if (!status)
    status = evaluate(o, run, config, err);
  else
    sl_config_free(config);
  free(folder);
  return status;
}

/* Without a configuration the task may be another one than the model was trained for. */
static void add_task(const options *o, const char *run, sl_error *err) {
  const size_t used = strlen(err->message);
  if (!run && !o->config && err->status == SL_ERR_INPUT && strncmp(err->message, "task: ", 6) == 0)
    snprintf(err->message + used, sizeof err->message - used,
             "; the task is the built-in one: --config or --set task.name names another");
}

sl_command sl_cmd_eval;
int sl_cmd_eval(int argc, char **argv) {
  options o = {.sampling = {.temperature = 0.7f, .top_p = 1.0, .seed = 1}};
  sl_argp_parse(&parser, argc, argv, &o);
  sl_error err;
  sl_config config;
  char *run;
  sl_status status = find_run(&run, o.model, &err);
  if (!status) status = load_config(&config, &o, run, &err);
  if (!status && o.logprobs) {
    status = eval_logprobs(&o, &config, &err);
    sl_config_free(&config);
  } else if (!status) {
    status = eval_success(&o, run, &config, &err);
  }
  if (status) add_task(&o, run, &err);
  free(run);
  return status ? sl_cli_fail(argv[0], &err) : SL_EXIT_OK;
}
