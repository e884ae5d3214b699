/* sluice study STUDY.yaml: a table of runs, what they show, and which findings of the paper they
 * bear out (docs/study.md). */
#include "kernels/core/processors.h"
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "kernels/support/output.h"
#include "trainer/study/study_budget.h"
#include "trainer/study/study_walk.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  const char *path, *json, *page, *seeds;
  size_t jobs;
  int dry_run, quiet;
} options;

static error_t parse_study(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case 'n':
      o->dry_run = 1;
      return 0;
    case 'j':
      o->json = arg;
      return 0;
    case 'p':
      o->page = arg;
      return 0;
    case 's':
      o->seeds = arg;
      return 0;
    case 'J':
      o->jobs = (size_t)sl_argp_integer(state, "jobs", arg, 1, 1024);
      return 0;
    case 'q':
      o->quiet = 1;
      return 0;
    case ARGP_KEY_ARG:
      if (o->path) argp_error(state, "one study is enough: '%s' is too much", arg);
      o->path = arg;
      return 0;
    case ARGP_KEY_NO_ARGS:
      argp_error(state, "a study's file is missing");
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option rows[] = {
    {"dry-run", 'n', NULL, 0,
     "check all that the runs would need, print the budget (runs, rollouts, tokens, hours, from a "
     "probe of some seconds) and stop",
     0},
    {"json", 'j', "FILE", 0, "where the results go as JSON; without it OUT/study.json", 0},
    {"page", 'p', "FILE", 0, "where the page goes; without it OUT/study.html", 0},
    {"jobs", 'J', "N", 0, "runs at a time, one thread each; without it one a core", 0},
    {"seeds", 's', "LIST", 0, "these seeds instead of the file's: 1,2,3", 0},
    {"quiet", 'q', NULL, 0, "no progress", 0},
    {0}};
static const struct argp parser = {
    rows,
    parse_study,
    "STUDY",
    "Trains every arm of a study under every seed and compares them: figures, a table, differences "
    "paired by seed with intervals, and a verdict on each finding of the paper. STUDY is a YAML "
    "file; docs/study.md describes it.\v"
    "Runs that are finished are kept, and one that was stopped or killed goes on from its newest "
    "checkpoint. SIGINT, SIGTERM and SIGHUP let the runs at work write one (exit code 6). A run "
    "that the file has changed since is refused, with the key. A run that fails does not stop the "
    "others (exit code 1).",
    NULL,
    NULL,
    NULL};

static int dry_run(const options *o, const sl_study_table *table, sl_error *err) {
  sl_study_budget budget;
  if (sl_study_budget_make(&budget, table, err)) return sl_cli_fail("sluice study", err);
  sl_study_budget_print(&budget, table, o->jobs, stdout);
  return SL_EXIT_OK;
}

static int carry_out(const options *o, sl_study_table *table, sl_error *err) {
  sl_study_outcome outcome;
  if (sl_study_walk(table, o->jobs, o->quiet, &outcome, err))
    return sl_cli_fail("sluice study", err);
  if (outcome.stopped) {
    printf("Interrupted: %zu of %zu runs are finished. 'sluice study %s' goes on.\n",
           outcome.finished, table->n, o->path);
    return SL_EXIT_INTERRUPTED;
  }
  return outcome.failed ? SL_EXIT_FAILED : SL_EXIT_OK;
}

static sl_status prepare(sl_study *study, sl_study_table *table, const options *o, sl_error *err) {
  sl_status status = sl_output_check(o->json, err);
  if (!status) status = sl_output_check(o->page, err);
  if (!status && o->seeds) status = sl_study_choose_seeds(study, o->seeds, err);
  if (!status) status = sl_study_table_create(table, study, err);
  if (!status) status = sl_study_check(table, err);
  return status;
}

sl_command sl_cmd_study;
int sl_cmd_study(int argc, char **argv) {
  options o = {0};
  sl_argp_parse(&parser, argc, argv, &o);
  if (!o.jobs) o.jobs = (size_t)sl_processors();
  sl_error err;
  sl_study study;
  sl_study_table table = {0};
  if (sl_study_load(&study, o.path, &err)) return sl_cli_fail(argv[0], &err);
  int code;
  if (prepare(&study, &table, &o, &err))
    code = sl_cli_fail(argv[0], &err);
  else
    code = o.dry_run ? dry_run(&o, &table, &err) : carry_out(&o, &table, &err);
  sl_study_table_free(&table);
  sl_study_free(&study);
  return code;
}
