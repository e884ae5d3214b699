/* Options of `sluice equiv --op`, `--gen`, `--judge` and `--so` (spec E5.1, E6 to E10). */
#include "dump_command.h"

#include "dump_explain.h"
#include "dump_github.h"
#include "library_case.h"

#include "ci/products/judge/op_named.h"
#include "ci/products/judge/report_options.h"
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "kernels/support/output.h"

#include <argp.h>
#include <string.h>

enum {
  OPTION_GEN = 256,
  OPTION_JUDGE,
  OPTION_INPUTS,
  OPTION_CONVENTIONS,
  OPTION_SO,
  OPTION_EXPLAIN,
  OPTION_MEMORY
};

enum { TIMEOUT_S = 60, MEMORY_MIB = 4096 };

static const char program[] = "sluice equiv";

typedef struct {
  sl_dump_request request;
  sl_generated_request generate;
  sl_report_options report;
  const char *dump, *judge, *inputs, *output, *library;
  size_t mebibytes;
  size_t elements;
  uint64_t seed;
  int conventions, limited, explain;
} options;

static error_t parse_files(int key, char *arg, options *o) {
  switch (key) {
    case 'd':
      o->dump = arg;
      return 0;
    case OPTION_JUDGE:
      o->judge = arg;
      return 0;
    case OPTION_INPUTS:
      o->inputs = arg;
      return 0;
    case OPTION_GEN:
      o->generate.op = arg;
      return 0;
    case 'o':
      o->output = arg;
      return 0;
    case OPTION_CONVENTIONS:
      o->conventions = 1;
      return 0;
    case OPTION_EXPLAIN:
      o->explain = 1;
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static error_t parse_library(int key, char *arg, struct argp_state *state, options *o) {
  switch (key) {
    case OPTION_SO:
      o->library = arg;
      return 0;
    case OPTION_MEMORY:
      o->mebibytes = (size_t)sl_argp_integer(state, "memory", arg, 1, 0x1p24);
      o->limited = 1;
      return 0;
    default:
      return parse_files(key, arg, o);
  }
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case ARGP_KEY_INIT:
      state->child_inputs[0] = &o->report;
      return 0;
    case 'p':
      o->request.op = arg;
      return 0;
    case 'c':
      o->request.contract = arg;
      return 0;
    case 'g':
      o->request.gate = arg;
      return 0;
    case 'S':
      if (o->request.settings == SL_OP_SETTINGS)
        argp_error(state, "at most %d --set", SL_OP_SETTINGS);
      if (!strchr(arg, '=')) argp_error(state, "--set: expected NAME=VALUE, found '%s'", arg);
      o->request.setting[o->request.settings++] = arg;
      return 0;
    case 'e':
      o->elements = strcmp(arg, "all") == 0
                        ? SIZE_MAX
                        : (size_t)sl_argp_integer(state, "elements", arg, 1, 0x1p52);
      return 0;
    case 's':
      o->seed = (uint64_t)sl_argp_integer(state, "seed", arg, 0, 0x1p52);
      return 0;
    case 'H':
      o->generate.shape = arg;
      return 0;
    case 'T':
      o->generate.type = arg;
      return 0;
    case 'K':
      o->generate.kind = arg;
      return 0;
    case ARGP_KEY_ARG:
      argp_error(state, "no argument is expected, found '%s'", arg);
      return 0;
    default:
      return parse_library(key, arg, state, o);
  }
}

static const struct argp_option rows[] = {
    {"op", 'p', "OP", 0, "the op: linear, attention, gated_loss, ...; or sluice.op of the file", 0},
    {"dump", 'd', "FILE", 0, "inputs and outputs: safetensors, .npz or .npy", 0},
    {"contract", 'c', "KEY=VALUE,...", 0, "the arithmetic that the kernel may use (spec E1.2)", 0},
    {"set", 'S', "NAME=VALUE", 0, "a setting of the op: eps=1e-5, causal=0, gate=erf, ...", 0},
    {"gate", 'g', "GATE", 0, "of gated_loss: a gate file, or a built-in gate's name", 0},
    {"elements", 'e', "N", 0, "of each output at most; or all (default 65536)", 0},
    {"explain", OPTION_EXPLAIN, 0, 0,
     "how the bound of each output's worst element is made, with its numbers", 0},
    {"seed", 's', "N", 0, "of the sample, or of what is generated (default 1)", 0},
    {"conventions", OPTION_CONVENTIONS, 0, 0, "print the op's tensors, settings and known causes",
     0},
    {"gen", OPTION_GEN, "OP", 0, "write inputs, made from --seed", 0},
    {"output", 'o', "FILE", 0, "where --gen writes them, as safetensors", 0},
    {"shape", 'H', "t=N,...", 0, "their sizes, by letter", 0},
    {"type", 'T', "TYPE", 0, "f64, f32 (default), bf16 or f16", 0},
    {"kind", 'K', "KIND", 0, "usual (default), cancelling, wide, subnormal, ties, masked or exact",
     0},
    {"judge", OPTION_JUDGE, "FILE", 0, "the outputs; inputs are made again from the seed", 0},
    {"inputs", OPTION_INPUTS, "FILE", 0,
     "what --gen wrote, where the outputs' file does not repeat its texts", 0},
    {"so", OPTION_SO, "FILE", 0,
     "a shared library with the functions of sluice/kernel.h: makes inputs for --op, calls it in a "
     "process of its own, judges",
     0},
    {"memory", OPTION_MEMORY, "MIB", 0, "of that process (default 4096)", 0},
    {0}};
static const struct argp_child children[] = {{&sl_report_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    rows,
    parse,
    NULL,
    "Judges a kernel of anybody's by a dump of its inputs and outputs, within the bound of its "
    "arithmetic contract, and names the known wrong formulas that explain a difference."
    "\vExit codes: 0 equal; 1 different; 2 usage; 3 an input that cannot be read or judged; 4 "
    "inconclusive; 5 system error.",
    children,
    NULL,
    NULL};

int sl_dump_command_is(int argc, char **argv) {
  static const char *const names[] = {"--op",    "--dump",        "--gen",
                                      "--judge", "--conventions", "--so"};
  for (int i = 1; i < argc; i++)
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
      const size_t n = strlen(names[k]);
      if (strncmp(argv[i], names[k], n) == 0 && (argv[i][n] == '\0' || argv[i][n] == '=')) return 1;
    }
  return 0;
}

static sl_status check_options(const options *o, sl_error *err) {
  const int ways = (o->dump != NULL) + (o->judge != NULL) + (o->generate.op != NULL) +
                   (o->library != NULL) + o->conventions;
  if (ways != 1)
    return sl_fail(
        err, SL_ERR_USAGE,
        "one of --dump FILE, --gen OP, --judge FILE, --so FILE and --conventions is needed");
  if ((o->generate.op != NULL) != (o->output != NULL))
    return sl_fail(err, SL_ERR_USAGE, "--gen OP goes with -o FILE");
  if (o->explain && (o->generate.op || o->conventions))
    return sl_fail(err, SL_ERR_USAGE, "--explain goes with --dump, --judge or --so FILE");
  if (o->inputs && !o->judge)
    return sl_fail(err, SL_ERR_USAGE, "--inputs FILE goes with --judge FILE");
  if (o->library && !o->request.op)
    return sl_fail(err, SL_ERR_USAGE, "--so FILE goes with --op OP");
  if (!o->library && (o->limited || o->report.has_timeout))
    return sl_fail(err, SL_ERR_USAGE, "--timeout and --memory go with --so FILE");
  if (!o->generate.op && !o->library && (o->generate.shape || o->generate.type || o->generate.kind))
    return sl_fail(err, SL_ERR_USAGE, "--shape, --type and --kind go with --gen OP or --so FILE");
  return SL_OK;
}

static sl_status write_file(const char *path, const sl_dump_report *r,
                            void (*write)(FILE *, const sl_dump_report *), sl_error *err) {
  sl_output out;
  SL_TRY(sl_output_begin(&out, path, err));
  write(out.stream, r);
  return sl_output_end(&out, err);
}

static sl_status report(const options *o, const sl_dump_report *r, sl_error *err) {
  const sl_report_options *to = &o->report;
  if (!sl_report_is_quiet(to)) {
    sl_dump_report_text(stdout, r);
    if (o->explain) SL_TRY(sl_dump_explain(stdout, r, err));
  }
  sl_dump_github(sl_report_is_quiet(to) ? stderr : stdout, r);
  if (to->json) SL_TRY(write_file(to->json, r, sl_dump_report_json, err));
  if (to->junit) SL_TRY(write_file(to->junit, r, sl_dump_report_junit, err));
  return SL_OK;
}

static sl_status report_verdict(int *code, const options *o, const sl_dump_report *r,
                                sl_error *err) {
  *code = sl_outcomes_exit(&r->v->outcome, 1, 0);
  return report(o, r, err);
}

static sl_status judge_case(int *code, const options *o, const sl_dump_case *d, sl_error *err) {
  sl_dump_verdict v;
  sl_dump_causes causes;
  sl_dump_report r = {.d = d, .v = &v, .causes = &causes};
  r.path = o->library ? o->library : o->dump ? o->dump : o->judge;
  r.made = o->library ? &o->generate : NULL;
  sl_status status = sl_dump_judge(&v, d, o->elements, o->seed, err);
  if (!status) status = sl_dump_causes_find(&causes, d, &v, err);
  if (!status) status = report_verdict(code, o, &r, err);
  sl_dump_verdict_end(&v);
  return status;
}

/* The case of --dump, or of --judge with the texts of --inputs. */
static sl_status read_case(sl_dump_case *d, const options *o, sl_dump *dump, sl_error *err) {
  if (o->dump) return sl_dump_case_read(d, dump, &o->request, err);
  sl_dump *texts = NULL;
  if (o->inputs) SL_TRY(sl_dump_open(&texts, o->inputs, err));
  const sl_status status = sl_generated_read(d, dump, texts ? texts : dump, &o->request, err);
  sl_dump_close(texts);
  return status;
}

static sl_status judge(int *code, const options *o, sl_error *err) {
  sl_dump *dump;
  sl_dump_case d = {0};
  SL_TRY(sl_dump_open(&dump, o->dump ? o->dump : o->judge, err));
  sl_status status = read_case(&d, o, dump, err);
  sl_dump_close(dump);
  if (!status) status = judge_case(code, o, &d, err);
  sl_dump_case_end(&d);
  return status;
}

static sl_status print_conventions(const options *o, sl_error *err) {
  if (!o->request.op) {
    for (size_t i = 0; i < sl_op_count(); i++)
      printf("%-20s %s\n", sl_op_at(i)->name, sl_op_at(i)->summary);
    return SL_OK;
  }
  const sl_op *op;
  SL_TRY(sl_op_named(&op, o->request.op, err));
  sl_dump_print_conventions(stdout, op);
  return SL_OK;
}

/* What --gen and --so have of the common options. */
static void complete_request(options *o) {
  sl_generated_request *g = &o->generate;
  g->seed = o->seed, g->contract = o->request.contract, g->gate = o->request.gate;
  g->settings = o->request.settings;
  memcpy(g->setting, o->request.setting, sizeof g->setting);
  if (!g->type) g->type = "f32";
  if (!g->kind) g->kind = "usual";
}

static sl_status generate(options *o, sl_error *err) {
  complete_request(o);
  return sl_generated_write(o->output, &o->generate, err);
}

static sl_status judge_library(int *code, options *o, sl_error *err) {
  sl_dump_case d = {0};
  sl_happened happened;
  const sl_kernel_limits limits = {(double)o->report.timeout_s, o->mebibytes};
  o->generate.op = o->request.op;
  complete_request(o);
  sl_status status = sl_library_case_make(&d, happened, o->library, &o->generate, &limits, err);
  if (!status && *happened) {
    const sl_dump_verdict v = {.outcome = SL_OUTCOME_DIFFERENT};
    const sl_dump_causes causes = {.n = 0};
    const sl_dump_report r = {o->library, &d, &v, &causes, &o->generate, happened};
    status = report_verdict(code, o, &r, err);
  } else if (!status) {
    status = judge_case(code, o, &d, err);
  }
  sl_dump_case_end(&d);
  return status;
}

static sl_status run(int *code, options *o, sl_error *err) {
  if (o->conventions) return print_conventions(o, err);
  if (o->generate.op) return generate(o, err);
  return o->library ? judge_library(code, o, err) : judge(code, o, err);
}

int sl_dump_command(int argc, char **argv) {
  options o = {.elements = SL_DUMP_ELEMENTS,
               .seed = 1,
               .mebibytes = MEMORY_MIB,
               .report = {.timeout_s = TIMEOUT_S, .least_timeout_s = 1}};
  sl_argp_parse(&parser, argc, argv, &o);
  sl_error err;
  int code = SL_EXIT_OK;
  sl_status status = check_options(&o, &err);
  if (!status) status = run(&code, &o, &err);
  return status ? sl_cli_fail(program, &err) : code;
}
