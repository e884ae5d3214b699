/* sluice verify GATE...: P1 to P4 and the designer's requirements over the reals, and the gates as
 * binary32 code (spec G2, G5). */
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "kernels/support/output.h"

#include "verify_run.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

enum {
  OPTION_PARAM = 256,
  OPTION_JSON,
  OPTION_JUNIT,
  OPTION_SVG,
  OPTION_CERT,
  OPTION_FOR_RUN,
  OPTION_NO_FLOAT,
  OPTION_FAST,
  OPTION_SECONDS,
  OPTION_BOXES,
  OPTION_TAU,
  OPTION_LARGEST,
  OPTION_EXPECT,
  OPTION_THREADS
};

typedef struct {
  sl_verify_request request;
  const char **gate; /* argc of them at most */
  int gates, json, expect;
  const char *junit, *svg;
} options;

static error_t parse_option(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  sl_verify_request *q = &o->request;
  static char tau[64];
  switch (key) {
    case OPTION_TAU:
      if ((size_t)snprintf(tau, sizeof tau, "tau=%s", arg) >= sizeof tau)
        argp_error(state, "--tau: '%s' is too long", arg);
      arg = tau; /* fall through */
    case OPTION_PARAM:
      if (q->settings == SL_GATE_PARAMETER_LIMIT)
        argp_error(state, "at most %d --param", SL_GATE_PARAMETER_LIMIT);
      q->setting[q->settings++] = arg;
      return 0;
    case OPTION_LARGEST:
      q->largest = arg;
      return 0;
    case OPTION_JSON:
      o->json = 1;
      return 0;
    case OPTION_JUNIT:
      o->junit = arg;
      return 0;
    case OPTION_SVG:
      o->svg = arg;
      return 0;
    case OPTION_CERT:
      q->certificate = arg;
      return 0;
    case OPTION_FOR_RUN:
      q->for_run = 1;
      return 0;
    case OPTION_NO_FLOAT:
      q->no_float = 1;
      return 0;
    case OPTION_FAST:
      q->fast = 1;
      return 0;
    case OPTION_EXPECT:
      o->expect = 1;
      return 0;
    case OPTION_SECONDS:
      q->seconds = sl_argp_number(state, "seconds", arg, 1e-6, 1e9);
      return 0;
    case OPTION_BOXES:
      q->boxes = (long)sl_argp_integer(state, "boxes", arg, 1, 1e9);
      return 0;
    case OPTION_THREADS:
      q->threads = (int)sl_argp_integer(state, "threads", arg, 1, 4096);
      return 0;
    case ARGP_KEY_ARG:
      o->gate[o->gates++] = arg;
      return 0;
    case ARGP_KEY_END:
      if (o->gates > 1 && (q->certificate || o->svg))
        argp_error(state, "--cert and --svg: one gate at a time");
      if (q->for_run && q->largest)
        argp_error(state, "--for-run: not with --largest, whose interval cannot be widened");
      return 0;
    case ARGP_KEY_NO_ARGS:
      argp_usage(state);
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option option_rows[] = {
    {"param", OPTION_PARAM, "NAME=V|A:B", 0,
     "a parameter's value, or a range to prove for; may be repeated", 0},
    {"tau", OPTION_TAU, "V|A:B", 0, "the same as --param tau=...", 0},
    {"largest", OPTION_LARGEST, "NAME", 0,
     "find the largest interval of a parameter around its default, within the file's range, for "
     "which the gate is admissible, and prove it",
     0},
    {"cert", OPTION_CERT, "FILE", 0, "write a certificate for sluice-check", 0},
    {"for-run", OPTION_FOR_RUN, 0, 0,
     "widen every value and range outward to binary32 neighbours, so that they hold the numbers "
     "that a training with them computes with (gate.certificate)",
     0},
    {"json", OPTION_JSON, 0, 0, "report as JSON on standard output; of several gates an array", 0},
    {"junit", OPTION_JUNIT, "FILE", 0, "report as JUnit XML too", 0},
    {"svg", OPTION_SVG, "FILE", 0, "draw f, f' and r f' with the witnesses", 0},
    {"fast", OPTION_FAST, 0, 0,
     "binary32: one block of 4096 neighbours in 64 only, which the report then says", 0},
    {"no-float", OPTION_NO_FLOAT, 0, 0, "leave out the check over binary32", 0},
    {"expect", OPTION_EXPECT, 0, 0, "succeed if the verdicts are those of the file's 'expect'", 0},
    {"seconds", OPTION_SECONDS, "S", 0,
     "processor time for each sign (default 60); as much again for the search of --largest", 0},
    {"boxes", OPTION_BOXES, "N", 0, "boxes for each sign (default 400000)", 0},
    {"threads", OPTION_THREADS, "N", 0, "threads for binary32 (default all)", 0},
    {0}};
static const struct argp parser = {
    option_rows,
    parse_option,
    "GATE...",
    "Proves that a gate is admissible, or refutes it: over the reals, for ranges of parameters, "
    "and as binary32 code.\v"
    "GATE is a built-in's name, or a path that holds a '/' or ends in .gate. Options are for all "
    "gates. Several gates end in a table.\n"
    "Exit codes: 0 admissible, 1 refuted, 4 undecided, 7 admissible but a requirement is not "
    "proved, 2 usage, 3 bad input, 5 system error. Of several gates the worst, in the order 5, 2, "
    "3, 1, 4, 7, 0. The check over binary32 reports and does not change the code.",
    NULL,
    NULL,
    NULL};

static int fail_memory(void) {
  sl_error err;
  sl_fail(&err, SL_ERR_MEMORY, "not enough memory for the report");
  return sl_cli_fail("sluice verify", &err);
}

static int write_file(const char *path, const sl_verified *v, size_t n,
                      void (*write)(FILE *, const sl_verified *, size_t)) {
  sl_output out;
  sl_error err;
  sl_status status = sl_output_begin(&out, path, &err);
  if (!status) {
    write(out.stream, v, n);
    status = sl_output_end(&out, &err);
  }
  return status ? sl_cli_fail("sluice verify", &err) : SL_EXIT_OK;
}

static int code_of(const sl_verified *v, int expect) {
  if (v->code != SL_EXIT_OK) return v->code;
  if (expect) return sl_report_expected(stderr, &v->report) ? SL_EXIT_OK : SL_EXIT_FAILED;
  const sl_verdict verdict = sl_report_verdict(&v->report);
  if (verdict != SL_PROVED) return verdict == SL_REFUTED ? SL_EXIT_FAILED : SL_EXIT_UNDECIDED;
  return sl_report_requirements(&v->report) == SL_PROVED ? SL_EXIT_OK : SL_EXIT_REQUIREMENT;
}

static int worse_code(int a, int b) {
  static const int order[] = {SL_EXIT_SYSTEM,    SL_EXIT_USAGE,       SL_EXIT_INPUT, SL_EXIT_FAILED,
                              SL_EXIT_UNDECIDED, SL_EXIT_REQUIREMENT, SL_EXIT_OK};
  for (size_t i = 0; i < sizeof order / sizeof *order; i++)
    if (a == order[i] || b == order[i]) return order[i];
  return a;
}

static int finish(const sl_verified *v, const options *o) {
  const size_t n = (size_t)o->gates;
  int code = SL_EXIT_OK;
  if (o->json && (n > 1 || v->code == SL_EXIT_OK))
    code = sl_report_json(stdout, v, n) ? fail_memory() : SL_EXIT_OK;
  else if (!o->json && n > 1)
    sl_report_table(stdout, v, n);
  if (o->junit && code == SL_EXIT_OK) code = write_file(o->junit, v, n, sl_report_junit);
  if (o->svg && code == SL_EXIT_OK && v->code == SL_EXIT_OK)
    code = write_file(o->svg, v, n, sl_report_svg);
  for (size_t i = 0; i < n; i++) code = worse_code(code, code_of(&v[i], o->expect));
  return code;
}

static int check_outputs(const options *o) {
  const char *const paths[] = {o->request.certificate, o->junit, o->svg};
  sl_error err;
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    if (sl_output_check(paths[i], &err)) return sl_cli_fail("sluice verify", &err);
  return SL_EXIT_OK;
}

sl_command sl_cmd_verify;
int sl_cmd_verify(int argc, char **argv) {
  options o = {.request = {.seconds = 60, .boxes = 400000}};
  argp_err_exit_status = SL_EXIT_USAGE;
  sl_verify_guard_memory();
  if (!(o.gate = calloc((size_t)argc, sizeof *o.gate))) return fail_memory();
  sl_argp_parse(&parser, argc, argv, &o);
  if (check_outputs(&o) != SL_EXIT_OK) {
    free(o.gate);
    return SL_EXIT_USAGE;
  }
  sl_verified *v = calloc((size_t)o.gates, sizeof *v);
  if (!v) return fail_memory();
  for (int i = 0; i < o.gates; i++) {
    v[i].name = o.gate[i];
    sl_verify_run(&v[i], &o.request);
    v[i].report.expects = o.expect;
    if (v[i].code == SL_EXIT_OK && !o.json) {
      if (i) putchar('\n');
      sl_report_text(stdout, &v[i].report);
      fflush(stdout);
    }
  }
  const int code = finish(v, &o);
  for (int i = 0; i < o.gates; i++) sl_verified_clear(&v[i]);
  free(v), free(o.gate);
  return code;
}
