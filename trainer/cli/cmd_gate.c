/* sluice gate list | show NAME | plot NAME...: the gates there are, what a file says, and
 * their curves (spec G1). `gate compare` stands on the prover (proofs/cmd_compare.c, main.c). */
#include "kernels/core/nearest.h"
#include "kernels/plain/gate.h"
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "kernels/support/output.h"
#include "kernels/support/plot.h"

#include <sluice/gate.h>

#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 601, GATE_LIMIT = 8 };

typedef struct {
  const char *out;
  double r_max;
  int negative;
  const char *word[GATE_LIMIT + 1];
  int words;
} options;

static error_t parse_option(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case 'o':
      o->out = arg;
      return 0;
    case 'r':
      o->r_max = sl_argp_number(state, "r-max", arg, 1e-6, 1e6);
      return 0;
    case 'n':
      o->negative = 1;
      return 0;
    case ARGP_KEY_ARG:
      if (o->words == GATE_LIMIT + 1)
        argp_error(state, "at most %d gates in one picture", GATE_LIMIT);
      o->word[o->words++] = arg;
      return 0;
    case ARGP_KEY_NO_ARGS:
      argp_usage(state);
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option option_rows[] = {
    {"out", 'o', "FILE", 0, "plot: the SVG to write (default gates.svg; '-' is standard output)",
     0},
    {"r-max", 'r', "R", 0, "plot: ratios from 0 to R (default 4)", 0},
    {"negative", 'n', 0, 0, "plot: the gate of A <= 0 (default A > 0)", 0},
    {0}};
static const struct argp parser = {
    option_rows,
    parse_option,
    "list\nshow NAME\nplot NAME...\ncompare NAME...",
    "The built-in gates, what a gate file says, and pictures of f, f' and r f'.\v"
    "NAME is a built-in gate, or a file: a path that holds a '/' or ends in .gate; parameters "
    "follow after commas: sigmoid,tau=2. 'gate compare' is "
    "a program of its own with its own --help: half-widths, suprema, EUR.",
    NULL,
    NULL,
    NULL};

/* "NAME=V" of a gate's text into a parameter of both signs; `setting` loses its '='. */
static sl_status read_setting(sl_gate_parameter *out, char *setting, const char *text,
                              sl_error *err) {
  char *value = strchr(setting, '='), *end;
  if (value) *value++ = '\0';
  const double v = value ? strtod(value, &end) : 0;
  if (!value || end == value || *end || !isfinite(v))
    return sl_fail(err, SL_ERR_USAGE, "'%s': expected NAME,PARAMETER=NUMBER,...", text);
  *out = (sl_gate_parameter){setting, {v, v}};
  return SL_OK;
}

/* "NAME" or "NAME,PARAMETER=V,...". */
static sl_status load_text(sl_gate_definition **def, sl_gate *gate, const char *text,
                           sl_error *err) {
  char copy[512];
  sl_gate_parameter parameter[SL_GATE_PARAMETER_LIMIT];
  size_t count = 0;
  if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy)
    return sl_fail(err, SL_ERR_USAGE, "'%.60s...' is too long", text);
  char *at = strchr(copy, ',');
  while (at) {
    *at++ = '\0';
    char *const setting = at;
    if ((at = strchr(at, ','))) *at = '\0';
    if (count == SL_GATE_PARAMETER_LIMIT)
      return sl_fail(err, SL_ERR_USAGE, "'%s': at most %d parameters", text,
                     SL_GATE_PARAMETER_LIMIT);
    SL_TRY(read_setting(&parameter[count], setting, text, err));
    for (size_t i = 0; i < count; i++)
      if (strcmp(parameter[i].name, setting) == 0)
        return sl_fail(err, SL_ERR_USAGE, "'%s': %s is given twice", text, setting);
    count++;
  }
  return sl_gate_load(gate, def, copy, parameter, count, err);
}

/* Loads a gate by name or path; returns an exit code. */
static int load_gate(sl_gate_definition **def, sl_gate *gate, const char *name) {
  sl_error err;
  const sl_status status = load_text(def, gate, name, &err);
  return status ? sl_cli_fail("sluice gate", &err) : SL_EXIT_OK;
}

/* "not admissible: P1, P3": what the gate's file expects, as the gallery's tests check. */
static void print_refuted(unsigned refuted) {
  const char *before = "  [not admissible: ";
  for (int i = 0; i < 4; i++)
    if (refuted >> i & 1) printf("%sP%d", before, i + 1), before = ", ";
  if (refuted) putchar(']');
}

static int list_gates(void) {
  for (size_t i = 0; i < sl_gate_builtin_count(); i++) {
    sl_gate gate;
    sl_gate_definition *def = NULL;
    const int code = load_gate(&def, &gate, sl_gate_builtin_name(i));
    if (code) return code;
    printf("%-16s %s", sl_gate_definition_name(def), sl_gate_definition_citation(def));
    print_refuted(sl_gate_definition_refuted(def));
    putchar('\n');
    sl_gate_definition_free(def);
  }
  return SL_EXIT_OK;
}

/* The expressions, and a table of what the trainer computes in binary32 (spec O2). */
static void show_side(const sl_gate *gate, const sl_gate_definition *def, int positive,
                      const char *label) {
  const int by_kernel = gate->family[positive] != SL_GATE_EXPRESSION;
  char text[4000];
  if (sl_gate_definition_expression(def, positive, 0, text, sizeof text))
    printf("%s f  = %s\n", label, text);
  else if (!sl_gate_definition_has_value(def, positive))
    printf("%s f    %s\n", label, by_kernel ? "the kernel's" : "absent: a weight alone");
  if (sl_gate_definition_expression(def, positive, 1, text, sizeof text))
    printf("%s f' = %s\n", label, text);
  static const float ratios[] = {0, 0.5f, 0.8f, 1, 1.2f, 2, 5, 100};
  const sl_gate_side side = sl_gate_for(gate, positive);
  printf("%s %10s %14s %14s %14s\n", label, "r", "f", "f'", "r f'");
  for (size_t i = 0; i < sizeof ratios / sizeof *ratios; i++) {
    const sl_gate_point p = sl_gate_at(&side, ratios[i]);
    printf("%s %10g ", label, (double)ratios[i]);
    if (isnan(p.f) || (!by_kernel && !sl_gate_definition_has_value(def, positive)))
      printf("%14s", "-");
    else
      printf("%14.8g", (double)p.f);
    printf(" %14.8g %14.8g\n", (double)p.w, (double)(ratios[i] * p.w));
  }
}

static const char *weight_by(sl_gate_family family) {
  return family == SL_GATE_EXPRESSION ? "its expression in binary64 (spec G3.1)"
                                      : "a correctly rounded kernel (spec O2.1, O2.2)";
}

static int show_gate(const char *name) {
  sl_gate gate = {.family = {SL_GATE_IDENTITY, SL_GATE_IDENTITY}};
  sl_gate_definition *def = NULL;
  const int code = load_gate(&def, &gate, name);
  if (code) return code;
  printf("gate %s\n%s", sl_gate_definition_name(def), sl_gate_definition_citation(def));
  print_refuted(sl_gate_definition_refuted(def));
  putchar('\n');
  if (gate.family[0] == gate.family[1]) {
    printf("weight by %s\n", weight_by(gate.family[0]));
  } else {
    printf("weight for A > 0 by %s\n", weight_by(gate.family[1]));
    printf("weight for A <= 0 by %s\n", weight_by(gate.family[0]));
  }
  for (size_t i = 0; i < sl_gate_definition_parameters(def); i++) {
    const sl_gate_parameter_info p = sl_gate_definition_parameter(def, i);
    printf("parameter %s in [%g, %g]: %g for A > 0, %g for A <= 0\n", p.name, p.low, p.high,
           p.value[1], p.value[0]);
  }
  show_side(&gate, def, 1, "A > 0: ");
  show_side(&gate, def, 0, "A <= 0:");
  sl_gate_definition_free(def);
  return SL_EXIT_OK;
}

typedef struct {
  double r[POINTS], y[3][GATE_LIMIT][POINTS];
  char label[GATE_LIMIT][96];
} curves;

/* "sigmoid, tau 1.05": the name, and the parameters that the curve was drawn with. */
static void label_of(char *out, size_t size, const sl_gate_definition *def, int positive) {
  size_t used = (size_t)snprintf(out, size, "%s", sl_gate_definition_name(def));
  for (size_t i = 0; i < sl_gate_definition_parameters(def) && used < size; i++) {
    const sl_gate_parameter_info p = sl_gate_definition_parameter(def, i);
    used += (size_t)snprintf(out + used, size - used, ", %s %.4g", p.name, p.value[positive]);
  }
}

/* f is drawn centred, f(r) - f(1): a constant moves no gradient. */
static int fill_curves(curves *c, const options *o) {
  for (int i = 0; i < POINTS; i++) c->r[i] = o->r_max * i / (POINTS - 1);
  for (int g = 1; g < o->words; g++) {
    sl_gate gate;
    sl_gate_definition *def = NULL;
    const double one = 1;
    double at_one, weight;
    const int code = load_gate(&def, &gate, o->word[g]);
    if (code) return code;
    sl_gate_evaluate64(def, !o->negative, c->r, c->y[0][g - 1], c->y[1][g - 1], POINTS);
    sl_gate_evaluate64(def, !o->negative, &one, &at_one, &weight, 1);
    for (int i = 0; i < POINTS; i++) {
      c->y[0][g - 1][i] -= at_one;
      c->y[2][g - 1][i] = c->r[i] * c->y[1][g - 1][i];
    }
    label_of(c->label[g - 1], sizeof c->label[g - 1], def, !o->negative);
    sl_gate_definition_free(def);
  }
  return SL_EXIT_OK;
}

/* Is there an f to draw? Gates that are given by their weight have none. */
static int has_values(const curves *c, int gates) {
  for (int g = 0; g < gates; g++)
    for (int i = 0; i < POINTS; i++)
      if (isfinite(c->y[0][g][i])) return 1;
  return 0;
}

static int write_plot(const curves *c, const options *o) {
  static const char *const titles[] = {"f(r) - f(1)", "f'(r)", "r f'(r)"};
  const int gates = o->words - 1, first = has_values(c, gates) ? 0 : 1;
  sl_plot_curve curve[3][GATE_LIMIT];
  sl_plot_panel panel[3];
  for (int k = 0; k < 3; k++) {
    for (int g = 0; g < gates; g++)
      curve[k][g] = (sl_plot_curve){c->label[g], c->r, c->y[k][g], POINTS, 0};
    panel[k] = (sl_plot_panel){.title = titles[k],
                               .x_label = "importance ratio r",
                               .curve = curve[k],
                               .curves = (size_t)gates};
  }
  sl_output out;
  sl_error err;
  sl_status status = sl_output_begin(&out, o->out, &err);
  if (status) return sl_cli_fail("sluice gate", &err);
  sl_plot_write(out.stream, o->negative ? "Gates for A <= 0" : "Gates for A > 0", NULL,
                panel + first, (size_t)(3 - first), (size_t)(3 - first));
  status = sl_output_end(&out, &err);
  if (status) return sl_cli_fail("sluice gate", &err);
  if (strcmp(o->out, "-") != 0) printf("%s\n", o->out);
  return SL_EXIT_OK;
}

static int plot_gates(const options *o) {
  curves *c = malloc(sizeof *c);
  if (!c) return sl_cli_fail_memory("sluice gate");
  int code = fill_curves(c, o);
  if (code == SL_EXIT_OK) code = write_plot(c, o);
  free(c);
  return code;
}

/* Another verb, or one with too few or too many names. */
static int fail_words(const options *o) {
  static const char *const verbs[] = {"list", "show", "plot", "compare"};
  char meant[SL_MEANT];
  sl_error err;
  int known = 0;
  for (size_t i = 0; i < 4; i++) known |= strcmp(o->word[0], verbs[i]) == 0;
  sl_fail(&err, SL_ERR_USAGE,
          "expected 'list', 'show NAME', 'plot NAME...' or 'compare NAME...', found '%s'%s",
          o->word[0], known ? " and other words" : sl_meant_of(meant, o->word[0], verbs, 4));
  return sl_cli_fail("sluice gate", &err);
}

sl_command sl_cmd_gate;
int sl_cmd_gate(int argc, char **argv) {
  options o = {.out = "gates.svg", .r_max = 4};
  sl_argp_parse(&parser, argc, argv, &o);
  if (strcmp(o.word[0], "list") == 0 && o.words == 1) return list_gates();
  if (strcmp(o.word[0], "show") == 0 && o.words == 2) return show_gate(o.word[1]);
  if (strcmp(o.word[0], "plot") == 0 && o.words >= 2) return plot_gates(&o);
  return fail_words(&o);
}
