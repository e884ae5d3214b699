/* sluice eval MODEL: greedy success on a task's held-out problems, or log-probs of token sequences.
 */
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

typedef struct {
  sl_backend_options backend;
  const char *model, *config, *logprobs, *tokens;
  sl_set_options sets;
  int json;
} options;

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
      if (!o->model) argp_error(state, "a model folder or a run is missing");
      if (o->tokens && !o->logprobs) argp_error(state, "--tokens goes with --logprobs");
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
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
    {0}};
static const struct argp_child children[] = {
    {&sl_backend_argp, 0, NULL, 0}, {&sl_set_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    rows,     parse,
    "MODEL",  "Greedy success of MODEL (a model folder or a run's folder) on held-out problems.",
    children, NULL,
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

/* The run's own configuration if there is a run and none is named. */
static sl_status load_config(sl_config *out, const options *o, const char *run, sl_error *err) {
  if (o->config || !run) return sl_config_load(out, o->config, o->sets.items, o->sets.n, err);
  char *own = sl_path_join(run, SL_RUN_CONFIG);
  if (!own) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  const sl_status status = sl_config_load_recorded(out, own, o->sets.items, o->sets.n, err);
  free(own);
  return status;
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
    status = sl_template_apply(config, o->model, s.tokenizer, err);
  if (!status) status = write_logprobs(o, &s, &task.held_out, err);
  sl_task_free(&task);
  sl_session_close(&s);
  return status;
}

/* Takes over config. */
static sl_status eval_success(const options *o, const char *run, sl_config *config, sl_error *err) {
  char *folder;
  sl_status status = sl_session_find_model(&folder, o->model, err);
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
  options o = {0};
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
