/* sluice study STUDY.yaml: a table of runs, what they show, and which findings of the paper they
 * bear out (docs/study.md). */
#include "kernels/core/processors.h"
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "kernels/support/output.h"
#include "trainer/files/file.h"
#include "trainer/study/study_budget.h"
#include "trainer/study/study_json.h"
#include "trainer/study/study_notes.h"
#include "trainer/study/study_page.h"
#include "trainer/study/study_walk.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* Where a result goes: as an option says, or into the study's folder. */
static sl_status begin_output(sl_output *out, char **made, const char *given, const char *folder,
                              const char *name, sl_error *err) {
  *made = given ? strdup(given) : sl_path_join(folder, name);
  if (!*made) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  const sl_status status = sl_output_begin(out, *made, err);
  if (status) free(*made);
  return status;
}

static sl_status write_json(const options *o, const sl_study_results *r, const sl_findings *f,
                            sl_error *err) {
  sl_output out;
  char *path;
  sl_status status = begin_output(&out, &path, o->json, r->table->study->out, SL_STUDY_JSON, err);
  if (status) return status;
  status = sl_study_json_write(out.stream, r, f, err);
  if (status)
    sl_output_abort(&out);
  else
    status = sl_output_end(&out, err);
  free(path);
  return status;
}

static sl_status write_page(const options *o, const sl_study_results *r, const sl_findings *f,
                            sl_error *err) {
  sl_output out;
  char *path;
  sl_status status = begin_output(&out, &path, o->page, r->table->study->out, SL_STUDY_PAGE, err);
  if (status) return status;
  status = sl_study_page_write(out.stream, r, f, err);
  if (status)
    sl_output_abort(&out);
  else
    status = sl_output_end(&out, err);
  if (!status && strcmp(path, "-") != 0) fprintf(stderr, "page: %s\n", path);
  free(path);
  return status;
}

static sl_status show(const options *o, const sl_study_table *table, sl_error *err) {
  sl_study_results results;
  sl_status status = sl_study_results_read(&results, table, err);
  if (status) return status;
  sl_findings *findings = malloc(sizeof *findings);
  status = findings ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for findings");
  if (!status) sl_findings_make(findings, &results);
  if (!status) status = write_json(o, &results, findings, err);
  if (!status) status = write_page(o, &results, findings, err);
  const int standard =
      (o->json && strcmp(o->json, "-") == 0) || (o->page && strcmp(o->page, "-") == 0);
  if (!status && !standard) sl_study_text_write(stdout, &results, findings);
  free(findings);
  sl_study_results_free(&results);
  return status;
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
  /* again, as the files may have changed since: the runs must be of one study */
  sl_status status = sl_study_check(table, err);
  if (!status) status = show(o, table, err);
  if (status) return sl_cli_fail("sluice study", err);
  return outcome.failed ? SL_EXIT_FAILED : SL_EXIT_OK;
}

/* What is written at the end must have a place before the first run. The study's own folder is made
 * first. */
static sl_status check_output(const char *path, const char *out, sl_error *err) {
  const size_t n = strlen(out);
  const int within = path && strncmp(path, out, n) == 0 && (out[n - 1] == '/' || path[n] == '/');
  return within && access(out, F_OK) != 0 ? SL_OK : sl_output_check_place(path, err);
}

static sl_status prepare(sl_study *study, sl_study_table *table, const options *o, sl_error *err) {
  sl_status status = check_output(o->json, study->out, err);
  if (!status) status = check_output(o->page, study->out, err);
  if (!status && o->seeds) status = sl_study_choose_seeds(study, o->seeds, err);
  if (!status) status = sl_study_table_create(table, study, err);
  if (!status) status = sl_study_check(table, err);
  return status ? status : sl_study_notes_print(table, stderr, err);
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
