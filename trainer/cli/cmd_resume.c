/* sluice resume RUN. */
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "train_to_end.h"
#include "trainer/run/run_resume.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

#define ACCEPTED_MAX 64

typedef struct {
  const char *path, *from, *accepted[ACCEPTED_MAX];
  size_t n_accepted;
  sl_set_options sets;
  sl_train_options train;
} options;

static error_t parse(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case ARGP_KEY_INIT:
      state->child_inputs[0] = &o->sets;
      return 0;
    case 'a':
      if (o->n_accepted == ACCEPTED_MAX) argp_error(state, "too many --accept-change");
      o->accepted[o->n_accepted++] = arg;
      return 0;
    case 'f':
      o->from = arg;
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
    case ARGP_KEY_END:
      if (!o->path) argp_error(state, "a run's folder is missing");
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option rows[] = {
    {"accept-change", 'a', "KEY", 0,
     "go on although KEY is not what the run began with, and record that in the ledger (may be "
     "given several times); metrics.jsonl, ledger.jsonl: although lines of that log are lost",
     0},
    {"from", 'f', "NAME", 0,
     "go on from this checkpoint of the run, or from 'best', instead of the newest; newer ones are "
     "set aside",
     0},
    {"quiet", 'q', NULL, 0, "no progress", 0},
    {"json", 'j', NULL, 0, "the closing summary as one JSON object", 0},
    {0}};
static const struct argp_child children[] = {{&sl_set_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    rows,
    parse,
    "RUN",
    "Continues an interrupted run from its newest checkpoint; the result is bit for bit that of an "
    "uninterrupted run. A run whose keys, data, gate or models are not those that it began with is "
    "refused; the error names what differs. Keys that cannot affect the result (run.threads, "
    "checkpoint.every and the like) may be set freely, a file may be named in another place, and "
    "rl.steps=N continues a finished run.",
    children,
    NULL,
    NULL};

/* run.out says where a new run goes. */
static void note_out(const options *o, const char *command) {
  for (size_t i = 0; i < o->sets.n; i++)
    if (strncmp(o->sets.items[i], "run.out=", 8) == 0)
      fprintf(stderr, "%s: note: run.out moves nothing: the run goes on in %s\n", command, o->path);
}

sl_command sl_cmd_resume;
int sl_cmd_resume(int argc, char **argv) {
  options o = {0};
  sl_argp_parse(&parser, argc, argv, &o);
  const sl_resume_options choice = {o.from, o.accepted, o.n_accepted, o.sets.items, o.sets.n};
  sl_error err;
  sl_run_state *run;
  sl_run_files files;
  if (sl_run_resume(&run, &files, o.path, &choice, &err)) return sl_cli_fail(argv[0], &err);
  note_out(&o, argv[0]);
  if (run->phase == SL_PHASE_DONE && run->rl_step >= (uint64_t)run->config.rl.steps)
    fprintf(stderr, "%s: note: %s: already finished; --set rl.steps=N goes on\n", argv[0],
            files.path);
  const int code = sl_train_to_end(&o.train, argv[0], run, &files);
  sl_run_close(&files);
  sl_run_state_destroy(run);
  return code;
}
