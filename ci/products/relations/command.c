/* sluice equiv: Sluice's own kernels by the three relations (spec E3 to E5). */
#include "command.h"

#include "baseline.h"
#include "crash.h"

#include "ci/products/equiv/equiv.h"
#include "ci/products/judge/github_text.h"
#include "ci/products/judge/report_options.h"
#include "kernels/core/nearest.h"
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "kernels/support/output.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEED_MOST 0x1p52 /* exact as an option's number */
enum {
  CASES = 7,
  OPTION_REQUIRE = 256,
  OPTION_BASELINE,
  OPTION_UPDATE,
  OPTION_SHRINK,
  OPTION_RELATIONS,
  OPTION_SHAPE
};

typedef struct {
  sl_run_request run;
  sl_report_options report;
  const char *baseline;
  int update, require, seeded, sized;
} options;

static void take_kernel(options *o, const char *name, struct argp_state *state) {
  const char *names[SL_KERNEL_COUNT];
  char meant[SL_MEANT];
  const size_t n = strlen(name);
  const char *forward = NULL; /* of an op of that name */
  for (int k = 0; k < SL_KERNEL_COUNT; k++) {
    names[k] = sl_equiv_kernel_name((sl_kernel_id)k);
    if (strncmp(name, names[k], n) == 0 && strcmp(names[k] + n, "_forward") == 0)
      forward = names[k];
    if (strcmp(name, names[k]) != 0) continue;
    o->run.wanted[k] = 1, o->run.some = 1;
    return;
  }
  if (forward) argp_error(state, "no kernel '%s'; did you mean %s?", name, forward);
  argp_error(state, "no kernel '%s'%s", name, sl_meant_of(meant, name, names, SL_KERNEL_COUNT));
}

static void take_relations(options *o, const char *letters, struct argp_state *state) {
  static const char known[] = "IAP";
  o->run.relations = 0;
  for (; *letters; letters++) {
    const char *at = strchr(known, *letters);
    if (!at) argp_error(state, "--relations: expected letters of IAP, found '%s'", letters);
    o->run.relations |= 1u << (at - known);
  }
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  static const char *const isa_words[] = {"best", "avx2", "avx512"};
  static const sl_isa isas[] = {SL_ISA_BEST, SL_ISA_AVX2, SL_ISA_AVX512};
  options *o = state->input;
  switch (key) {
    case ARGP_KEY_INIT:
      state->child_inputs[0] = &o->report;
      return 0;
    case 'b':
      o->run.backend = arg;
      return 0;
    case 'i':
      o->run.isa = isas[sl_argp_word(state, "isa", arg, isa_words, 3)];
      if (!o->run.backend) o->run.backend = "cpu";
      return 0;
    case 'k':
    case ARGP_KEY_ARG:
      take_kernel(o, arg, state);
      return 0;
    case 's':
      o->run.seed = (uint64_t)sl_argp_integer(state, "seed", arg, 0, SEED_MOST), o->seeded = 1;
      return 0;
    case 'c':
      o->run.cases = (size_t)sl_argp_integer(state, "cases", arg, 1, SEED_MOST), o->sized = 1;
      return 0;
    case 't':
      o->run.seconds = sl_argp_integer(state, "seconds", arg, 1, 86400), o->sized = 1;
      return 0;
    case OPTION_RELATIONS:
      take_relations(o, arg, state);
      return 0;
    case OPTION_SHAPE:
      o->run.shape = arg;
      return 0;
    case 'e':
      o->run.explain = 1;
      return 0;
    case OPTION_SHRINK:
      o->run.shrink = (size_t)sl_argp_integer(state, "shrink", arg, 1, 4096);
      return 0;
    case OPTION_BASELINE:
      o->baseline = arg;
      return 0;
    case OPTION_UPDATE:
      o->update = 1;
      return 0;
    case OPTION_REQUIRE:
      o->require = 1;
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option rows[] = {
    {"backend", 'b', "NAME", 0, "this backend alone (default: all that are here; ptx if asked for)",
     0},
    {"isa", 'i', "NAME", 0, "best, avx2 or avx512, of the cpu backend", 0},
    {"kernel", 'k', "NAME", 0, "this kernel alone; may be repeated", 0},
    {"seed", 's', "N", 0, "of the first problem of each kernel (default: from the clock)", 0},
    {"cases", 'c', "N", 0, "problems of each kernel on each backend (default 7)", 0},
    {"seconds", 't', "N", 0, "in place of a number of problems: seconds for all together", 0},
    {"shape", OPTION_SHAPE, "NAME=SIZE,...", 0,
     "sizes that the problems have; one that a kernel lacks is refused with those that it has", 0},
    {"shrink", OPTION_SHRINK, "N", 0, "divides the sizes of the problems (simulated backends: 32)",
     0},
    {"relations", OPTION_RELATIONS, "LETTERS", 0,
     "I, A, P or several (default IAP); without A nothing is equal, and the exit code 4 at best",
     0},
    {"explain", 'e', 0, 0, "how the bound of each row's worst element is made, with its numbers",
     0},
    {"require", OPTION_REQUIRE, 0, 0, "a backend that this machine lacks is a failure", 0},
    {"baseline", OPTION_BASELINE, "FILE", 0,
     "repeat that file's run; what is worse than there is different", 0},
    {"update-baseline", OPTION_UPDATE, 0, 0,
     "show what differs from the baseline, and replace it; never where CI=true", 0},
    {0}};
static const char doc[] =
    "Judges every kernel on every backend that is here: with itself (I), against the exact result "
    "within a derived bound (A), and with plain (P).\vA seed repeats a run. Exit codes: 0 equal; 1 "
    "different; 2 usage; 3 an input that cannot be read; 4 inconclusive; 5 system error; 77 "
    "nothing "
    "was there to be judged.\n\n'equiv tolerance' says what a tolerance is worth. Kernels of "
    "others "
    "are judged by --dump FILE, by --gen OP -o FILE and --judge FILE, or by --so FILE --op OP, "
    "with "
    "--contract, --set, --gate, --shape, --type, --kind, --elements, --explain, --memory: 'sluice "
    "equiv --conventions --help' has these options.";

typedef struct {
  sl_run_report report;
  int quiet, full;
} collected;

static void collect(void *arg, const sl_run_row *row) {
  collected *c = arg;
  sl_run_row *rows_now = realloc(c->report.row, (c->report.rows + 1) * sizeof *rows_now);
  if (!rows_now) {
    c->full = 1;
    return;
  }
  c->report.row = rows_now;
  c->report.row[c->report.rows++] = *row;
  if (c->quiet) return;
  if (c->report.rows == 1) sl_report_head(stdout, c->report.request);
  sl_report_row(stdout, row);
}

static sl_status write_file(const char *path, const sl_run_report *r,
                            void (*write)(FILE *, const sl_run_report *), sl_error *err) {
  sl_output out;
  SL_TRY(sl_output_begin(&out, path, err));
  write(out.stream, r);
  return sl_output_end(&out, err);
}

/* GitHub's page of the run is a file that is added to. */
static void github(const sl_run_report *r) {
  const char *on_github = getenv("GITHUB_ACTIONS");
  if (on_github && strcmp(on_github, "true") == 0) sl_report_annotations(stdout, r);
  FILE *page = sl_github_page_open();
  if (page) sl_report_as_markdown(page, r);
  sl_github_page_close(page);
}

static sl_status write_reports(const options *o, const sl_run_report *r, sl_error *err) {
  const sl_report_options *to = &o->report;
  if (to->json) SL_TRY(write_file(to->json, r, sl_report_as_json, err));
  if (to->junit) SL_TRY(write_file(to->junit, r, sl_report_as_junit, err));
  github(r);
  return SL_OK;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Microseconds of the clock: nine digits of them, so that people can copy the number. */
static uint64_t fresh_seed(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return ((uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000) % 1000000000;
}

/* The exit code of the rows, and of a backend that should have been here. */
static int code_of(const options *o, const sl_run_report *r) {
  sl_outcome *of = calloc(r->rows + 1, sizeof *of);
  if (!of) return sl_cli_fail_memory("sluice equiv");
  for (size_t i = 0; i < r->rows; i++) of[i] = r->row[i].outcome;
  const int code = sl_outcomes_exit(of, r->rows, o->require);
  free(of);
  return code != SL_EXIT_FAILED && o->require && r->skipped ? SL_EXIT_FAILED : code;
}

/* Compares with the baseline, and replaces it where that was asked for. */
static sl_status settle(const options *o, const sl_baseline *was, int found, collected *c,
                        sl_error *err) {
  FILE *out = c->quiet ? stderr : stdout;
  const size_t worse = found ? sl_baseline_compare(out, was, &c->report) : 0;
  if (o->update) return sl_baseline_write(o->baseline, &c->report, err);
  if (worse && c->report.code != SL_EXIT_FAILED) c->report.code = SL_EXIT_FAILED;
  return SL_OK;
}

static sl_status check_options(const options *o, sl_error *err) {
  const char *ci = getenv("CI");
  if (o->update && !o->baseline)
    return sl_fail(err, SL_ERR_USAGE, "--update-baseline goes with --baseline FILE");
  if (o->update && ci && strcmp(ci, "true") == 0)
    return sl_fail(err, SL_ERR_USAGE,
                   "--update-baseline where CI=true: a baseline is replaced by a person");
  if (o->baseline && o->run.seconds > 0.0)
    return sl_fail(err, SL_ERR_USAGE, "--baseline goes with --cases, not with --seconds");
  if (o->baseline && !o->update && (o->seeded || o->sized || o->run.shape))
    return sl_fail(err, SL_ERR_USAGE, "--baseline has the seed, the number of cases and the shape");
  return SL_OK;
}

/* A baseline's seed and number of problems, unless it is made anew; *found: there is one. */
static sl_status load_baseline(options *o, sl_baseline *b, int *found, sl_error *err) {
  *found = 0;
  if (!o->baseline) return SL_OK;
  const sl_status status = sl_baseline_read(b, o->baseline, err);
  if (status && o->update) return sl_baseline_may_be_replaced(o->baseline, err);
  if (status) return status;
  *found = 1;
  if (!o->seeded) o->run.seed = b->seed;
  if (!o->sized) o->run.cases = b->cases;
  if (!o->run.shape && b->shape[0]) o->run.shape = b->shape;
  return SL_OK;
}

static sl_status run_all(options *o, collected *c, sl_error *err) {
  const double begin = now();
  c->report.request = &o->run;
  SL_TRY(sl_run(&o->run, collect, c, &c->report.skipped, err));
  if (c->report.rows == 0 && c->report.skipped)
    fprintf(stderr, "%s: skipped: %s\n", o->run.program, err->message);
  if (c->full) return sl_fail(err, SL_ERR_MEMORY, "no memory for the report");
  c->report.seconds = now() - begin;
  c->report.code = code_of(o, &c->report);
  if (!c->quiet && c->report.rows) sl_report_end(stdout, &c->report);
  return SL_OK;
}

int sl_equiv_command(int argc, char **argv, const char *program, const char *backend) {
  options o = {.run = {.backend = backend, .cases = CASES, .relations = ~0u, .program = program},
               .report = {.timeout_s = 600}};
  const struct argp_child children[] = {{&sl_report_argp, 0, NULL, 0}, {0}};
  const struct argp parser = {rows, parse, "[KERNEL...]", doc, children, NULL, NULL};
  sl_argp_parse(&parser, argc, argv, &o);
  sl_crash_catch(o.report.timeout_s);
  if (!o.seeded) o.run.seed = fresh_seed();
  sl_error err;
  sl_baseline was = {0};
  int found;
  collected c = {.quiet = sl_report_is_quiet(&o.report)};
  sl_status status = check_options(&o, &err);
  if (!status) status = load_baseline(&o, &was, &found, &err);
  if (!status) status = run_all(&o, &c, &err);
  if (!status && o.baseline) status = settle(&o, &was, found, &c, &err);
  if (!status) status = write_reports(&o, &c.report, &err);
  const int code = status ? sl_cli_fail(program, &err) : c.report.code;
  sl_baseline_free(&was);
  free(c.report.row);
  return code;
}
