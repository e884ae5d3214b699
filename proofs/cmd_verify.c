/* sluice verify GATE: P1 to P4 and the designer's requirements over the reals, and the gate as
 * binary32 code (spec G2, G5). */
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "kernels/support/output.h"
#include "kernels/support/progress.h"

#include "kernels/core/nearest.h"
#include "verify_report.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  OPTION_PARAM = 256,
  OPTION_JSON,
  OPTION_JUNIT,
  OPTION_SVG,
  OPTION_CERT,
  OPTION_NO_FLOAT,
  OPTION_FAST,
  OPTION_SECONDS,
  OPTION_BOXES,
  OPTION_TAU,
  OPTION_EXPECT,
  OPTION_THREADS
};

typedef struct {
  const char *gate, *junit, *svg, *certificate;
  const char *setting[SL_GATE_PARAMETER_LIMIT];
  int settings, json, no_float, fast, expect, threads;
  double seconds;
  long boxes;
} options;

static error_t parse_option(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  static char tau[64];
  switch (key) {
    case OPTION_TAU:
      if ((size_t)snprintf(tau, sizeof tau, "tau=%s", arg) >= sizeof tau)
        argp_error(state, "--tau: '%s' is too long", arg);
      arg = tau; /* fall through */
    case OPTION_PARAM:
      if (o->settings == SL_GATE_PARAMETER_LIMIT)
        argp_error(state, "at most %d --param", SL_GATE_PARAMETER_LIMIT);
      o->setting[o->settings++] = arg;
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
      o->certificate = arg;
      return 0;
    case OPTION_NO_FLOAT:
      o->no_float = 1;
      return 0;
    case OPTION_FAST:
      o->fast = 1;
      return 0;
    case OPTION_EXPECT:
      o->expect = 1;
      return 0;
    case OPTION_SECONDS:
      o->seconds = sl_argp_number(state, "seconds", arg, 1e-6, 1e9);
      return 0;
    case OPTION_BOXES:
      o->boxes = (long)sl_argp_integer(state, "boxes", arg, 1, 1e9);
      return 0;
    case OPTION_THREADS:
      o->threads = (int)sl_argp_integer(state, "threads", arg, 1, 4096);
      return 0;
    case ARGP_KEY_ARG:
      if (o->gate) argp_error(state, "one gate at a time");
      o->gate = arg;
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
    {"cert", OPTION_CERT, "FILE", 0, "write a certificate for sluice-check", 0},
    {"json", OPTION_JSON, 0, 0, "report as JSON on standard output", 0},
    {"junit", OPTION_JUNIT, "FILE", 0, "report as JUnit XML too", 0},
    {"svg", OPTION_SVG, "FILE", 0, "draw f, f' and r f' with the witnesses", 0},
    {"fast", OPTION_FAST, 0, 0, "binary32: every 64th block of 4096 neighbours only", 0},
    {"no-float", OPTION_NO_FLOAT, 0, 0, "leave out the check over binary32", 0},
    {"expect", OPTION_EXPECT, 0, 0, "succeed if the verdicts are those of the file's 'expect'", 0},
    {"seconds", OPTION_SECONDS, "S", 0, "time for each sign (default 60)", 0},
    {"boxes", OPTION_BOXES, "N", 0, "boxes for each sign (default 400000)", 0},
    {"threads", OPTION_THREADS, "N", 0, "threads for binary32 (default all)", 0},
    {0}};
static const struct argp parser = {
    option_rows,
    parse_option,
    "GATE",
    "Proves that a gate is admissible, or refutes it: over the reals, for ranges of parameters, "
    "and as binary32 code.\v"
    "GATE is a built-in's name, or a path that holds a '/' or ends in .gate.\n"
    "Exit codes: 0 admissible, 1 refuted, 4 undecided, 7 admissible but a requirement is not "
    "proved, 2 usage, 3 bad input. The check over binary32 reports and does not change the code.",
    NULL,
    NULL,
    NULL};

static sl_status leaves_range(const sl_gate_definition *def, int i, const char *setting,
                              sl_error *err) {
  char low[48], high[48];
  sl_decimal_print(low, sizeof low, def->param[i].low);
  sl_decimal_print(high, sizeof high, def->param[i].high);
  return sl_fail(err, SL_ERR_INPUT, "%s: parameter %s: the file declares [%s, %s], found '%s'",
                 def->file, def->param[i].name, low, high, setting);
}

static sl_status fail_parameter(const sl_gate_definition *def, const char *name, sl_error *err) {
  char meant[SL_MEANT];
  sl_nearest nearest = {.word = name, .length = strlen(name)};
  for (int k = 0; k < def->param_count; k++) sl_nearest_offer(&nearest, def->param[k].name);
  return sl_fail(err, SL_ERR_USAGE, "--param: gate %s has no parameter '%s'%s", def->name, name,
                 sl_nearest_meant(meant, &nearest));
}

/* "NAME=V" or "NAME=A:B" into the definition and the ranges. */
static sl_status apply_setting(sl_gate_definition *def, sl_verify_options *v, const char *setting,
                               sl_error *err) {
  char text[96], *value, *colon;
  if ((size_t)snprintf(text, sizeof text, "%s", setting) >= sizeof text)
    return sl_fail(err, SL_ERR_USAGE, "--param: '%s' is too long", setting);
  if (!(value = strchr(text, '=')))
    return sl_fail(err, SL_ERR_USAGE, "--param: expected NAME=VALUE or NAME=LOW:HIGH, found '%s'",
                   setting);
  *value++ = '\0';
  int i = 0;
  while (i < def->param_count && strcmp(def->param[i].name, text) != 0) i++;
  if (i == def->param_count) return fail_parameter(def, text, err);
  if ((colon = strchr(value, ':'))) *colon++ = '\0';
  sl_decimal low, high;
  if (!sl_decimal_parse(value, &low) || !sl_decimal_parse(colon ? colon : value, &high) ||
      sl_decimal_to_double(low) > sl_decimal_to_double(high))
    return sl_fail(err, SL_ERR_USAGE, "--param: expected numbers with low <= high, found '%s'",
                   setting);
  if (sl_decimal_to_double(low) < sl_decimal_to_double(def->param[i].low) ||
      sl_decimal_to_double(high) > sl_decimal_to_double(def->param[i].high))
    return leaves_range(def, i, setting, err);
  if (colon) {
    v->ranged |= 1u << i;
    v->low[i] = low, v->high[i] = high;
  } else {
    def->param[i].value[0] = def->param[i].value[1] = low;
  }
  return SL_OK;
}

/* The fixed values may have changed: load again with them, so that the programs follow. */
static sl_status load(sl_gate *gate, sl_gate_definition **def, const options *o,
                      sl_verify_options *v, sl_error *err) {
  sl_status status = sl_gate_load(gate, def, o->gate, NULL, 0, err);
  for (int i = 0; i < o->settings && status == SL_OK; i++)
    status = apply_setting(*def, v, o->setting[i], err);
  if (status != SL_OK || !o->settings) return status;
  sl_gate_parameter parameter[SL_GATE_PARAMETER_LIMIT];
  char names[SL_GATE_PARAMETER_LIMIT][SL_GATE_NAME_SIZE];
  const int count = (*def)->param_count;
  for (int i = 0; i < count; i++) {
    memcpy(names[i], (*def)->param[i].name, SL_GATE_NAME_SIZE);
    parameter[i] = (sl_gate_parameter){names[i],
                                       {sl_decimal_to_double((*def)->param[i].value[0]),
                                        sl_decimal_to_double((*def)->param[i].value[1])}};
  }
  sl_gate_definition_free(*def);
  *def = NULL;
  return sl_gate_load(gate, def, o->gate, parameter, (size_t)count, err);
}

/* Both signs have one expression and equal values of the parameters that are not ranges. */
static int same_sides(const sl_gate_definition *def, unsigned ranged) {
  if (def->f[0] != def->f[1] || def->w[0] != def->w[1]) return 0;
  for (int i = 0; i < def->param_count; i++)
    if (!(ranged >> i & 1) &&
        memcmp(&def->param[i].value[0], &def->param[i].value[1], sizeof(sl_decimal)) != 0)
      return 0;
  return def->kernel[0] == def->kernel[1] && def->kernel[0] != SL_GATE_CLIP;
}

typedef struct {
  sl_progress line;
  const char *what;
} progress_state;

static void show_progress(void *data, double share) {
  progress_state *p = data;
  sl_progress_line(&p->line, "verify: %s, binary32 %.0f %%", p->what, 100 * share);
}

static void run_floats(sl_report *r, const options *o) {
  for (int s = 0; s < 2; s++) {
    if (!(r->sides >> s & 1)) continue;
    progress_state p = {.what = sl_side_name(r, s)};
    sl_progress_start(&p.line);
    sl_float_check(&r->binary32[s], r->gate, r->def, s, o->fast ? 64 : 1, o->threads, show_progress,
                   &p);
    sl_progress_end(&p.line);
  }
  r->floats = 1;
}

/* 1 if every property has the verdict that the file expects. */
static int as_expected(const sl_report *r) {
  int ok = 1;
  for (int s = 0; s < 2; s++)
    for (int i = 0; i < 4; i++) {
      const sl_finding *f = &r->side[r->same_sides ? 1 : s].property[i];
      const sl_gate_expectation e = r->def->expect[s][i];
      const sl_gate_expectation got = f->verdict == SL_REFUTED     ? SL_EXPECT_REFUTED
                                      : f->verdict == SL_UNDECIDED ? SL_EXPECT_UNDECIDED
                                      : f->strict                  ? SL_EXPECT_STRICT
                                                                   : SL_EXPECT_WEAK;
      const int match = e == SL_EXPECT_PROVED ? f->verdict == SL_PROVED : e == got;
      if (!match)
        fprintf(stderr, "%s: %s, P%d: not the expected verdict\n", r->def->file,
                s ? "A > 0" : "A <= 0", i + 1);
      ok &= match;
    }
  return ok;
}

static int write_file(const char *path, const sl_report *r,
                      void (*write)(FILE *, const sl_report *)) {
  sl_output out;
  sl_error err;
  sl_status status = sl_output_begin(&out, path, &err);
  if (!status) {
    write(out.stream, r);
    status = sl_output_end(&out, &err);
  }
  return status ? sl_cli_fail("sluice verify", &err) : SL_EXIT_OK;
}

static int finish(const sl_report *r, const options *o) {
  int code = SL_EXIT_OK;
  if (o->json)
    code = sl_report_json(stdout, r) ? SL_EXIT_SYSTEM : SL_EXIT_OK;
  else
    sl_report_text(stdout, r);
  if (o->junit && code == SL_EXIT_OK) code = write_file(o->junit, r, sl_report_junit);
  if (o->svg && code == SL_EXIT_OK) code = write_file(o->svg, r, sl_report_svg);
  if (code != SL_EXIT_OK) return code;
  if (o->expect) return as_expected(r) ? SL_EXIT_OK : SL_EXIT_FAILED;
  const sl_verdict v = sl_report_verdict(r);
  if (v != SL_PROVED) return v == SL_REFUTED ? SL_EXIT_FAILED : SL_EXIT_UNDECIDED;
  return sl_report_requirements(r) == SL_PROVED ? SL_EXIT_OK : SL_EXIT_REQUIREMENT;
}

/* If memory runs out FLINT ends the program: this makes it end with the exit code of a system error
 * and a message that names FLINT. It takes no memory, and runs nothing that could. */
static _Noreturn void flint_gave_up(void) {
  static const char text[] =
      "sluice verify: error: FLINT gave up: not enough memory for this gate\n";
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(SL_EXIT_SYSTEM);
  _exit(SL_EXIT_SYSTEM);
}

/* FLINT's own way there prints through its own memory first, without end where there is none; GMP
 * and MPFR know no other way than abort. */
static void *take(size_t size) {
  void *memory = malloc(size);
  if (!memory) flint_gave_up();
  return memory;
}
static void *take_zeroed(size_t n, size_t size) {
  void *memory = calloc(n, size);
  if (!memory) flint_gave_up();
  return memory;
}
static void *take_again(void *old, size_t size) {
  void *memory = realloc(old, size);
  if (!memory && size) flint_gave_up();
  return memory;
}
static void *gmp_again(void *old, size_t old_size, size_t size) {
  (void)old_size;
  return take_again(old, size);
}
static void gmp_free(void *memory, size_t size) {
  (void)size;
  free(memory);
}
static void give_up_in_words(void) {
  flint_set_abort(flint_gave_up);
  __flint_set_memory_functions(take, take_zeroed, take_again, free);
  mp_set_memory_functions(take, gmp_again, gmp_free);
}

sl_command sl_cmd_verify;
int sl_cmd_verify(int argc, char **argv) {
  options o = {.seconds = 60, .boxes = 400000};
  sl_verify_options v = {.ranged = 0};
  sl_gate gate;
  sl_gate_definition *def = NULL;
  sl_error err;
  argp_err_exit_status = SL_EXIT_USAGE;
  give_up_in_words();
  sl_argp_parse(&parser, argc, argv, &o);
  v.seconds = o.seconds, v.boxes = o.boxes;
  if (load(&gate, &def, &o, &v, &err) != SL_OK) {
    sl_gate_definition_free(def);
    return sl_cli_fail("sluice verify", &err);
  }
  sl_report *r = calloc(1, sizeof *r);
  if (!r) return SL_EXIT_SYSTEM;
  r->gate = &gate, r->def = def, r->options = &v;
  r->same_sides = same_sides(def, v.ranged);
  r->sides = r->same_sides ? 2 : 3;
  sl_certificate *certificate = NULL;
  int code = SL_EXIT_OK;
  if (o.certificate && sl_certificate_open(&certificate, o.certificate, def, &err) != SL_OK)
    code = sl_cli_fail("sluice verify", &err);
  if (code == SL_EXIT_OK) {
    for (int s = 1; s >= 0; s--)
      if (r->sides >> s & 1) sl_verify_side(&r->side[s], def, s, &v, certificate);
    if (sl_certificate_close(certificate, &err) != SL_OK) code = sl_cli_fail("sluice verify", &err);
    if (!o.no_float && !v.ranged) run_floats(r, &o);
    if (code == SL_EXIT_OK) code = finish(r, &o);
    for (int s = 0; s < 2; s++)
      if (r->sides >> s & 1) sl_side_report_clear(&r->side[s]);
  }
  free(r);
  sl_gate_definition_free(def);
  return code;
}
