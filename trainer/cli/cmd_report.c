/* sluice report RUN: what a run did, as a page, a picture, a few lines or JSON (spec F4.3). */
#include "kernels/support/cli.h"

#include "trainer/report/report.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  const char *run, *page, *picture;
  int json;
} options;

static error_t parse_option(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case 'o':
      o->page = arg;
      return 0;
    case 's':
      o->picture = arg;
      return 0;
    case 'j':
      o->json = 1;
      return 0;
    case ARGP_KEY_ARG:
      if (o->run) argp_error(state, "one run at a time: '%s' is too much", arg);
      o->run = arg;
      return 0;
    case ARGP_KEY_NO_ARGS:
      argp_error(state, "a run's folder is missing");
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option option_rows[] = {
    {"out", 'o', "FILE", 0,
     "write the page: HTML with curves, evaluations, hashes and configuration, one file without "
     "references",
     0},
    {"svg", 's', "FILE", 0, "write the picture: the six curves that tell the run's story", 0},
    {"json", 'j', 0, 0, "print the summary as one JSON object", 0},
    {0}};
static const struct argp parser = {option_rows,
                                   parse_option,
                                   "RUN",
                                   "What a run did. Prints a summary; -o and --svg write a page "
                                   "and a picture. A run that still goes on can be reported on.\v"
                                   "RUN is the folder that `sluice train` wrote (run.out); its "
                                   "metrics.jsonl and config.yaml are read.",
                                   NULL,
                                   NULL,
                                   NULL};

/* Writes one output; 0 if the system refused. */
static int write_file(const char *path, const sl_run_report *report,
                      void (*write)(FILE *, const sl_run_report *)) {
  FILE *file = fopen(path, "w");
  int ok = file != NULL;
  if (file) {
    write(file, report);
    ok = !ferror(file);
    ok &= fclose(file) == 0;
  }
  if (!ok) fprintf(stderr, "sluice report: error: %s: %s\n", path, strerror(errno));
  return ok;
}

sl_command sl_cmd_report;
sl_command sl_cmd_report;
int sl_cmd_report(int argc, char **argv) {
  options o = {0};
  argp_parse(&parser, argc, argv, 0, NULL, &o);
  sl_run_report report;
  sl_error err;
  if (sl_run_report_read(&report, o.run, &err) != SL_OK) return sl_cli_fail("sluice report", &err);
  int ok = !o.page || write_file(o.page, &report, sl_run_report_page);
  ok = ok && (!o.picture || write_file(o.picture, &report, sl_run_report_picture));
  if (ok && o.json)
    ok = sl_run_report_json(stdout, &report);
  else if (ok)
    sl_run_report_text(stdout, &report);
  if (ok && !o.json && o.page) printf("page                        %s\n", o.page);
  if (ok && !o.json && o.picture) printf("picture                     %s\n", o.picture);
  sl_run_report_free(&report);
  return ok ? SL_EXIT_OK : SL_EXIT_SYSTEM;
}
