/* sluice report RUN...: what a run did, as a page, a picture, a few lines or JSON (spec F4.3);
 * several runs side by side. */
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "kernels/support/output.h"
#include "trainer/report/report.h"
#include "trainer/report/report_tables.h"
#include "trainer/run/run_files.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *run[SL_REPORT_RUNS_MAX], *page, *picture;
  size_t n;
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
      if (o->n == SL_REPORT_RUNS_MAX)
        argp_error(state, "at most %d runs: '%s' is too much", SL_REPORT_RUNS_MAX, arg);
      o->run[o->n++] = arg;
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
     "write the page ('-': to standard output, and no summary): HTML with curves, completions, "
     "evaluations, hashes and configuration, one file without references",
     0},
    {"svg", 's', "FILE", 0, "write the picture (or '-'): the six curves that tell the run's story",
     0},
    {"json", 'j', 0, 0, "print the summary as one JSON object, of several runs as an array", 0},
    {0}};
static const struct argp parser = {
    option_rows,
    parse_option,
    "RUN...",
    "What a run did. Prints a summary; -o and --svg write a page and a picture. Several runs are "
    "drawn into the same charts. A run that still goes on can be reported on.\v"
    "RUN is the folder that `sluice train` wrote (run.out); its metrics.jsonl, samples.jsonl and "
    "config.yaml are read.",
    NULL,
    NULL,
    NULL};

static int is_standard(const char *path) { return path && strcmp(path, "-") == 0; }

/* Writes one output; path NULL: none is asked for. */
static sl_status write_file(const char *path, const sl_run_report *runs, size_t n,
                            void (*write)(FILE *, const sl_run_report *, size_t), sl_error *err) {
  sl_output out;
  if (!path) return SL_OK;
  const sl_status status = sl_output_begin(&out, path, err);
  if (status) return status;
  write(out.stream, runs, n);
  return sl_output_end(&out, err);
}

static void print_summary(const options *o, const sl_run_report *runs) {
  for (size_t i = 0; i < o->n; i++) {
    if (o->n > 1) printf("%s%s\n", i ? "\n" : "", runs[i].path);
    sl_run_report_text(stdout, &runs[i]);
  }
  if (o->n > 1) sl_report_differences_text(stdout, runs, o->n);
  if (o->page) printf("page                        %s\n", o->page);
  if (o->picture) printf("picture                     %s\n", o->picture);
}

static sl_status report(const options *o, const sl_run_report *runs, sl_error *err) {
  sl_status status = write_file(o->page, runs, o->n, sl_run_report_page, err);
  if (!status) status = write_file(o->picture, runs, o->n, sl_run_report_picture, err);
  if (status || is_standard(o->page) || is_standard(o->picture)) return status;
  if (!o->json)
    print_summary(o, runs);
  else if (!sl_run_report_json(stdout, runs, o->n))
    return sl_fail(err, SL_ERR_IO, "standard output: %s", strerror(errno));
  return SL_OK;
}

static void note_unfinished(const char *run, const char *log, size_t bytes) {
  if (bytes)
    fprintf(stderr,
            "sluice report: note: %s/%s: the last line is not finished (%zu bytes): it is left "
            "out\n",
            run, log, bytes);
}

/* What the page shows as well as it can. */
static void note_rest(const sl_run_report *r) {
  const sl_json_left_out *none = &r->samples.left_out;
  if (none->n)
    fprintf(stderr,
            "sluice report: note: %s/" SL_RUN_SAMPLES
            ":%zu: no sample: it is left out (%zu such lines)\n",
            r->path, none->first, none->n);
  if (r->ledger && r->ledger != SL_LEDGER_VERSION)
    fprintf(stderr,
            "sluice report: note: %s/" SL_RUN_LEDGER ": version %d; this program writes %d\n",
            r->path, r->ledger, SL_LEDGER_VERSION);
}

sl_command sl_cmd_report;
int sl_cmd_report(int argc, char **argv) {
  options o = {0};
  sl_argp_parse(&parser, argc, argv, &o);
  sl_run_report runs[SL_REPORT_RUNS_MAX];
  sl_error err;
  sl_status status = SL_OK;
  size_t n = 0;
  while (!status && n < o.n) {
    status = sl_run_report_read(&runs[n], o.run[n], &err);
    if (!status) n++;
  }
  if (!status) status = sl_output_check(o.page, &err);
  if (!status) status = sl_output_check(o.picture, &err);
  for (size_t i = 0; !status && i < n; i++) {
    note_unfinished(runs[i].path, SL_RUN_METRICS, runs[i].curves.unfinished);
    note_unfinished(runs[i].path, SL_RUN_SAMPLES, runs[i].samples.unfinished);
    note_rest(&runs[i]);
  }
  if (!status) status = report(&o, runs, &err);
  while (n > 0) sl_run_report_free(&runs[--n]);
  return status ? sl_cli_fail("sluice report", &err) : SL_EXIT_OK;
}
