/* sluice train CONFIG. */
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "kernels/core/nearest.h"
#include "plan_print.h"
#include "task_notes.h"
#include "train_to_end.h"
#include "trainer/files/file.h"
#include "trainer/run/run_plan.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  const char *path;
  sl_set_options sets;
  char memory[64]; /* --memory, as a setting */
  int dry_run, help_config, markdown;
  sl_train_options train;
} options;

static error_t parse_train(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case ARGP_KEY_INIT:
      state->child_inputs[0] = &o->sets;
      return 0;
    case 'n':
      o->dry_run = 1;
      return 0;
    case 'c':
      o->help_config = 1;
      return 0;
    case 'm':
      o->markdown = 1;
      return 0;
    case ARGP_KEY_END:
      if (*o->memory && o->sets.n == SL_SETS_MAX)
        argp_error(state, "--memory comes on top of %d --set, which is one too many", SL_SETS_MAX);
      if (o->markdown && !o->help_config) argp_error(state, "--markdown goes with --help-config");
      if (!o->path && !o->help_config)
        argp_error(state,
                   "a configuration is missing; 'default' stands for the built-in one, "
                   "--help-config prints it");
      return 0;
    case 'M':
      if (snprintf(o->memory, sizeof o->memory, "run.memory=%s", arg) >= (int)sizeof o->memory)
        argp_error(state, "--memory: '%.40s...' is no amount of memory", arg);
      return 0;
    case 'q':
      o->train.quiet = 1;
      return 0;
    case 'j':
      o->train.json = 1;
      return 0;
    case ARGP_KEY_ARG:
      if (o->path) argp_error(state, "one path is enough: '%s' is too much", arg);
      o->path = arg;
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option train_rows[] = {
    {"dry-run", 'n', NULL, 0,
     "check all that a run would need, print its plan (memory, steps, gate) and stop; a model that "
     "is named is read and tried on one problem",
     0},
    {"memory", 'M', "SIZE", 0, "the same as --set run.memory=SIZE: 24GiB, 141GB", 0},
    {"help-config", 'c', NULL, 0, "print the default configuration with every key explained", 0},
    {"markdown", 'm', NULL, 0,
     "with --help-config: as a Markdown table, with each key's type and whether it affects the "
     "result",
     0},
    {"quiet", 'q', NULL, 0, "no progress", 0},
    {"json", 'j', NULL, 0, "the closing summary, or the plan of --dry-run, as one JSON object", 0},
    {0}};

static const struct argp_child train_children[] = {{&sl_set_argp, 0, NULL, 0}, {0}};
static const struct argp train_parser = {
    train_rows,
    parse_train,
    "CONFIG",
    "Trains a policy: supervised warm start, then group-relative policy optimisation under a gate. "
    "CONFIG is a YAML file, or 'default'. The run's "
    "folder (run.out) receives configuration, metrics, ledger, checkpoints and the model. SIGINT, "
    "SIGTERM and SIGHUP finish the step and write a checkpoint; a second one stops at once (but "
    "for SIGHUP, which a closing terminal may send twice).",
    train_children,
    NULL,
    NULL};

/* Warns of answers that are longer than a completion may be: training would show that only after
 * hours. */
static void note_long_answers(const sl_run_state *run, const char *command) {
  const size_t limit = (size_t)run->config.rl.max_new_tokens, n = run->task.train.n;
  size_t size;
  const int counts = !sl_tokenizer_json(run->tokenizer, &size); /* characters are tokens */
  const size_t beyond = counts && run->task.reward == SL_REWARD_EXACT && run->config.rl.steps
                            ? sl_task_answers_beyond(&run->task.train, limit)
                            : 0;
  if (beyond)
    fprintf(stderr,
            "%s: note: %zu of %zu answers are longer than rl.max_new_tokens (%zu, the end token "
            "included): they will never be rewarded\n",
            command, beyond, n, limit);
}

/* Advantages are rewards less their group's mean. */
static void note_single_group(const sl_run_state *run, const char *command) {
  if (run->config.rl.group == 1 && run->config.rl.steps)
    fprintf(stderr,
            "%s: note: with rl.group 1 nothing can be learnt from rewards: each completion is "
            "compared with its group's mean, which is itself\n",
            command);
}

/* Each of the four must stand in a text once, and equal ones stand there twice (spec F3.8). */
static void note_equal_tags(const sl_run_state *run, const char *command) {
  static const char *const names[] = {"think_open", "think_close", "answer_open", "answer_close"};
  const sl_config *c = &run->config;
  const sl_tags t = sl_config_tags(c);
  const char *const tags[] = {t.think_open, t.think_close, t.answer_open, t.answer_close};
  if (!sl_config_reward_weights(c).listed[SL_COMPONENT_FORMAT]) return;
  for (size_t i = 0; i < 4; i++)
    for (size_t j = 0; j < i; j++)
      if (strcmp(tags[i], tags[j]) == 0)
        fprintf(stderr,
                "%s: note: reward.%s and reward.%s are both '%.40s': no completion can have each "
                "once, and format is at most 0.5\n",
                command, names[j], names[i], tags[i]);
}

/* Otherwise the run would swap, or be killed for its memory, hours later and far from the cause. */
static void note_memory(const sl_run_state *run, const char *command) {
  const sl_memory_limit limit = sl_run_limit(run);
  const size_t wanted = sl_run_memory(run);
  if (!sl_context_on_device(run->ctx) && !*run->config.run.memory && wanted <= limit.bytes &&
      wanted > limit.free)
    fprintf(stderr, "%s: note: the run takes up to %.1f MiB, but %.1f MiB are free now\n", command,
            (double)wanted / 1048576.0, (double)limit.free / 1048576.0);
}

/* Of a plan: what it says nothing about. */
static void note_bare(const sl_run_state *run, const char *command) {
  static const sl_config_key keys[] = {SL_KEY_model_folder, SL_KEY_rl_reference};
  const int bare[] = {run->bare, run->bare_reference};
  for (size_t i = 0; i < 2; i++)
    if (bare[i])
      fprintf(stderr,
              "%s: note: %s has no weights: the plan is that of its config.json and tokenizer, and "
              "the model was not tried\n",
              command, sl_config_path(&run->config, keys[i]));
}

static void print_notes(const sl_run_state *run, const char *command) {
  note_bare(run, command);
  note_long_answers(run, command);
  note_single_group(run, command);
  note_equal_tags(run, command);
  sl_task_notes_print(&run->task, &run->config, command);
  note_memory(run, command);
}

/* The plan is printed even if the run does not fit: it says what takes the memory. */
static int dry_run(const options *o, const sl_run_state *run, const char *command) {
  sl_error err;
  if (o->train.json)
    sl_plan_print_json(run, stdout);
  else
    sl_plan_print(run, stdout);
  return sl_run_check_memory(run, &err) ? sl_cli_fail(command, &err) : SL_EXIT_OK;
}

/* A file that is not there may have been meant to be the built-in configuration; a run's folder is
 * another command's. */
static void add_meant(sl_error *err, const char *file) {
  static const char *const words[] = {"default"};
  char meant[SL_MEANT] = "";
  const size_t used = strlen(err->message);
  if (!file) return;
  if (access(file, F_OK) != 0) sl_meant_of(meant, file, words, 1);
  if (sl_path_holds(file, SL_RUN_CONFIG))
    snprintf(err->message + used, sizeof err->message - used,
             "; it holds a run: 'sluice resume %s' goes on with it", file);
  else
    snprintf(err->message + used, sizeof err->message - used, "%s", meant);
}

static int train(options *o, const char *command) {
  sl_error err;
  sl_config config;
  const char *file = strcmp(o->path, "default") == 0 ? NULL : o->path;
  if (*o->memory) o->sets.items[o->sets.n++] = o->memory;
  if (sl_config_load(&config, file, o->sets.items, o->sets.n, &err)) {
    add_meant(&err, file);
    return sl_cli_fail(command, &err);
  }
  sl_status status = sl_config_anchor(&config, &err);
  if (!status) status = sl_run_check_new(config.run.out, &err);
  if (status) {
    sl_config_free(&config);
    return sl_cli_fail(command, &err);
  }
  sl_run_state *run;
  if (sl_run_state_create(&run, &config, o->dry_run ? SL_EXTENT_PLAN : SL_EXTENT_TRAINING, &err))
    return sl_cli_fail(command, &err);
  int code = SL_EXIT_OK;
  sl_run_files files;
  print_notes(run, command);
  if (o->dry_run) {
    code = dry_run(o, run, command);
  } else if (sl_run_create(&files, run->config.run.out, &run->config, &err)) {
    code = sl_cli_fail(command, &err);
  } else {
    code = sl_train_to_end(&o->train, command, run, &files);
    sl_run_close(&files);
  }
  sl_run_state_destroy(run);
  return code;
}

sl_command sl_cmd_train;
int sl_cmd_train(int argc, char **argv) {
  options o = {0};
  sl_argp_parse(&train_parser, argc, argv, &o);
  if (o.help_config) {
    sl_error err;
    const sl_status status =
        o.markdown ? sl_config_print_markdown(stdout, &err) : sl_config_print_help(stdout, &err);
    return status ? sl_cli_fail(argv[0], &err) : SL_EXIT_OK;
  }
  return train(&o, argv[0]);
}
