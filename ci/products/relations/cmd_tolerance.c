/* sluice equiv tolerance: what a tolerance is worth for an op under a contract (spec E2, E4). */
#include "command.h"

#include "ci/products/judge/gate_file.h"
#include "ci/products/judge/op_named.h"
#include "ci/products/judge/outcome.h"
#include "ci/products/judge/tolerance.h"
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"

#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_ATOL = 256, OPTION_RTOL, OPTION_DUMP, SETTINGS = SL_OP_SETTINGS };

typedef struct {
  const char *op, *contract, *shape, *type, *kinds, *gate;
  const char *setting[SETTINGS];
  size_t settings, problems;
  uint64_t seed;
  sl_tolerance given;
  int has_given, explain, has_drawn; /* has_drawn: an option of problems that are drawn */
  const char *dump;
} options;

static error_t parse(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case 'o':
      o->op = arg;
      return 0;
    case 'c':
      o->contract = arg;
      return 0;
    case OPTION_DUMP:
      o->dump = arg;
      return 0;
    case 's':
      o->shape = arg;
      return 0;
    case 'T':
      o->type = arg, o->has_drawn = 1;
      return 0;
    case 'K':
      o->kinds = arg, o->has_drawn = 1;
      return 0;
    case 'S':
      if (o->settings == SETTINGS) argp_error(state, "at most %d --set", SETTINGS);
      o->setting[o->settings++] = arg;
      return 0;
    case 'r':
      o->seed = (uint64_t)sl_argp_integer(state, "seed", arg, 0, 0x1p52);
      return 0;
    case 'n':
      o->problems = (size_t)sl_argp_integer(state, "problems", arg, 1, 10000);
      return 0;
    case 'g':
      o->gate = arg;
      return 0;
    case OPTION_ATOL:
      o->given.atol = sl_argp_number(state, "atol", arg, 0.0, 1e300), o->has_given = 1;
      return 0;
    case OPTION_RTOL:
      o->given.rtol = sl_argp_number(state, "rtol", arg, 0.0, 1e300), o->has_given = 1;
      return 0;
    case 'e':
      o->explain = 1;
      return 0;
    case ARGP_KEY_ARG:
      argp_error(state, "no argument is expected, found '%s'", arg);
      return 0;
    case ARGP_KEY_END:
      if (!o->dump && (!o->op || !o->shape))
        argp_error(state, "--op and --shape are needed, or --dump");
      if (o->dump && (o->shape || o->has_drawn || o->explain))
        argp_error(state, "--dump has the shape, type and inputs; without --explain");
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option rows[] = {
    {"op", 'o', "NAME", 0, "the op: linear, softmax, attention, ... (spec E2.4)", 0},
    {"shape", 's', "t=N,...", 0, "its sizes, by letter", 0},
    {"contract", 'c', "KEY=VALUE,...", 0, "the arithmetic that the kernel may use (spec E1.2)", 0},
    {"type", 'T', "TYPE", 0, "of the inputs: f64, f32, bf16 or f16 (default: the contract's out)",
     0},
    {"set", 'S', "NAME=VALUE", 0,
     "a setting of the op: eps=1e-5, causal=0, gate=erf, ... (spec E2.4)", 0},
    {"gate", 'g', "GATE", 0, "of gated_loss: a built-in gate by its name, or a gate file", 0},
    {"dump", OPTION_DUMP, "FILE", 0,
     "inputs of your own, with their conventions: a dump, its outputs left aside", 0},
    {"atol", OPTION_ATOL, "X", 0, "the tolerance to be measured: |got - expected| <=", 0},
    {"rtol", OPTION_RTOL, "X", 0, "atol + rtol |expected|; one that is not given is 0", 0},
    {"kind", 'K', "KIND+...", 0,
     "kinds of inputs: usual (default), cancelling, wide, subnormal, ties, masked, exact, or all",
     0},
    {"seed", 'r', "N", 0, "of the first problem (default 1)", 0},
    {"problems", 'n', "N", 0, "problems of each kind (default 3)", 0},
    {"explain", 'e', 0, 0, "the derivation of the largest bound, with its numbers", 0},
    {0}};
static const struct argp parser = {
    rows,
    parse,
    NULL,
    "Says how far a right kernel may lie from the exact result, and what a tolerance lets through."
    "\vExit codes: 0 the tolerance is sound and rejects every control that the bounds reject (or "
    "none was given); 1 it does not; 4 elements have no bound.",
    NULL,
    NULL,
    NULL};

static sl_status take_kinds(unsigned *kinds, const char *text, sl_error *err) {
  *kinds = 0;
  if (strcmp(text, "all") == 0) {
    *kinds = ~0u;
    return SL_OK;
  }
  for (const char *at = text; *at;) {
    const size_t n = strcspn(at, "+");
    int kind = 0;
    while (kind < SL_KINDS && (strlen(sl_kind_name((sl_problem_kind)kind)) != n ||
                               strncmp(sl_kind_name((sl_problem_kind)kind), at, n) != 0))
      kind++;
    if (kind == SL_KINDS) return sl_fail(err, SL_ERR_USAGE, "--kind: there is no '%s'", at);
    *kinds |= 1u << kind;
    at += n + (at[n] == '+');
  }
  return SL_OK;
}

/* The settings, and a gate file in place of a gate's name. */
static sl_status take_settings(sl_op_case *c, sl_gate_form **form, const options *o,
                               sl_error *err) {
  for (size_t i = 0; i < o->settings; i++) SL_TRY(sl_op_setting_parse(c, o->setting[i], err));
  if (!o->gate) return SL_OK;
  SL_TRY(sl_op_setting_parse(c, "gate=expression", err));
  SL_TRY(sl_gate_form_load(form, o->gate, NULL, 0, err));
  c->form = *form;
  return SL_OK;
}

/* *form is the caller's, to be freed. */
static sl_status case_of(sl_op_case *c, sl_gate_form **form, sl_format *type, unsigned *kinds,
                         const options *o, sl_error *err) {
  const sl_op *op;
  SL_TRY(sl_op_named(&op, o->op, err));
  *c = sl_op_case_of(op);
  SL_TRY(sl_op_shape_parse(c, o->shape, err));
  SL_TRY(sl_contract_parse(&c->contract, o->contract, op->stored, err));
  SL_TRY(take_settings(c, form, o, err));
  *type = c->contract.out;
  if (o->type && !sl_format_find(type, o->type, strlen(o->type)))
    return sl_fail(err, SL_ERR_USAGE, "--type %s: may be f64, f32, bf16 or f16", o->type);
  return take_kinds(kinds, o->kinds, err);
}

/* The derivation of the element with the largest bound, of the first output of the first problem.
 */
static sl_status explain(const sl_op_case *like, sl_format type, uint64_t seed, sl_error *err) {
  sl_op_problem p;
  sl_op_answer a = {0};
  sl_status status = sl_op_problem_make(&p, like, SL_KIND_USUAL, type, seed, err);
  if (!status && (status = sl_op_answer_make(&a, &p.c)))
    sl_fail(err, status, "no memory for the bounds of %s", like->op->name);
  if (!status) {
    size_t at = 0;
    sl_ball ball;
    for (size_t i = 0; i < a.out[0].n; i++)
      if (a.balls[0][i].rad > a.balls[0][at].rad) at = i;
    printf("\n%s[%zu], the largest bound of the first problem:\n", a.out[0].name, at);
    status = sl_op_bounds(&p.c, 0, at, at + 1, &ball, stdout);
  }
  sl_op_answer_end(&a);
  sl_op_problem_end(&p);
  return status;
}

static void print_controls(const sl_tolerance_result *r, const sl_tolerance_report *given) {
  for (int kind = 0; kind < SL_KINDS; kind++) {
    const sl_control_tally *t = &given->tally[kind], *bound = &r->bound.tally[kind];
    for (int c = 0; c < SL_CONTROLS; c++)
      if (t->tried[c] && !t->rejected[c])
        printf("  lets through   %s on inputs of the kind %s%s\n", sl_control_name((sl_control)c),
               sl_kind_name((sl_problem_kind)kind),
               bound->rejected[c] ? "" : ", as the bounds do: these problems have no power");
  }
}

static void print_power(const sl_tolerance_report *t) {
  if (t->scale)
    printf("  power          a scale of 1 + 2^-%d is rejected; so are ", t->scale);
  else
    printf("  power          a scale of 1/2 or 3/2 is not rejected; ");
  printf("%zu of %zu missing terms%s\n", t->terms_rejected, t->terms, t->scale ? "" : " are");
}

static void print_bounds(const sl_op_case *c, const sl_tolerance_result *r) {
  printf("  floor          %.3g of |exact|: half an ulp of %s; below it correct rounding fails\n",
         r->floor_relative, sl_format_name(c->contract.out));
  printf("  bound          at most %.3g, at most %.3g of |exact|; %zu elements", r->bound_absolute,
         r->bound_relative, r->bound.elements);
  if (r->bound.unbounded) printf(", %zu without a bound", r->bound.unbounded);
  printf("\n  sound          torch.testing.assert_close(got, exact, atol=%.2g, rtol=%.2g)\n",
         r->sound.atol, r->sound.rtol);
  printf("                 (exact: in float64, not rounded; two kernels: twice as much)\n");
}

static void print_given(const options *o, const sl_tolerance_result *r) {
  const sl_tolerance_report *t = &r->given;
  printf("\natol=%g rtol=%g\n", o->given.atol, o->given.rtol);
  if (t->below_floor)
    printf(
        "  below floor    %zu of %zu elements allow less than half an ulp; the correctly rounded "
        "result fails on %zu\n",
        t->below_floor, t->elements, t->fails);
  if (t->unsound)
    printf(
        "  NOT SOUND      %zu of %zu elements allow less than the bound: a right kernel can fail\n",
        t->unsound, t->elements);
  print_controls(r, t);
  print_power(t);
  puts(sl_tolerance_holds(r)
           ? "  holds          sound, and rejects the controls that the bounds reject"
           : "  does not hold");
}

static int report(const options *o, const sl_op_case *c, sl_format type,
                  const sl_tolerance_result *r) {
  char contract[SL_CONTRACT_TEXT], shape[SL_OP_SHAPE_TEXT];
  sl_contract_print(contract, &c->contract, c->op->stored);
  sl_op_shape_print(shape, c);
  printf("%s: %s\n  shape          %s%s%s\n  contract       %s\n", c->op->name, c->op->summary,
         shape, o->dump ? "" : ", inputs ", o->dump ? "" : sl_format_name(type), contract);
  if (o->dump)
    printf("  inputs of      %s\n", o->dump);
  else
    printf("  problems       %zu of each kind (%s), seed %llu\n", o->problems, o->kinds,
           (unsigned long long)o->seed);
  print_bounds(c, r);
  print_controls(r, &r->bound);
  print_power(&r->bound);
  if (o->has_given) print_given(o, r);
  if (o->has_given && !sl_tolerance_holds(r)) return SL_EXIT_FAILED;
  return r->bound.unbounded ? SL_EXIT_UNDECIDED : SL_EXIT_OK;
}

static sl_status measure_dump(int *code, const options *o, sl_tolerance_reader *reader,
                              sl_error *err) {
  if (!reader) return sl_fail(err, SL_ERR_UNAVAILABLE, "--dump: this build reads no dumps");
  const sl_tolerance_file file = {o->dump, o->op,      *o->contract ? o->contract : NULL,
                                  o->gate, o->setting, o->settings};
  sl_op_problem p = {.c.op = NULL};
  sl_gate_form *form = NULL;
  sl_tolerance_result r;
  sl_status status = reader(&p, &form, &file, err);
  if (!status) status = sl_tolerance_measure_one(&r, &p, o->has_given ? &o->given : NULL, err);
  if (!status) *code = report(o, &p.c, p.given, &r);
  sl_op_problem_end(&p);
  free(form);
  return status;
}

static int measure_drawn(const options *given, const char *name) {
  const options o = *given;
  sl_op_case c;
  sl_gate_form *form = NULL;
  sl_format type;
  unsigned kinds = 0;
  sl_error err;
  sl_tolerance_result r;
  int code = 0;
  sl_status status = case_of(&c, &form, &type, &kinds, &o, &err);
  if (!status)
    status = sl_tolerance_measure(&r, &c, type, kinds, o.seed, o.problems,
                                  o.has_given ? &o.given : NULL, &err);
  if (!status) code = report(&o, &c, type, &r);
  if (!status && o.explain) status = explain(&c, type, o.seed, &err);
  free(form);
  return status ? sl_cli_fail(name, &err) : code;
}

int sl_tolerance_command(int argc, char **argv, sl_tolerance_reader *reader) {
  options o = {.contract = "", .kinds = "usual", .seed = 1, .problems = 3};
  sl_argp_parse(&parser, argc, argv, &o);
  if (!o.dump) return measure_drawn(&o, argv[0]);
  sl_error err;
  int code = SL_EXIT_OK;
  return measure_dump(&code, &o, reader, &err) ? sl_cli_fail(argv[0], &err) : code;
}
