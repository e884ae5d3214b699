/* From a name or a path to a gate the kernels can run (spec G1.3, G3.1). */
#include "definition.h"
#include "kernel_text.h"
#include "statements.h"
#include "kernels/core/input_file.h"
#include "kernels/core/nearest.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sl_status fail_value(const sl_gate_definition *def, int i, double value, sl_error *err) {
  char low[48], high[48];
  sl_decimal_print(low, sizeof low, def->param[i].low);
  sl_decimal_print(high, sizeof high, def->param[i].high);
  return sl_fail(err, SL_ERR_INPUT,
                 "%s: parameter %s of gate %s: expected a value in [%s, %s], found %.9g", def->file,
                 def->param[i].name, def->name, low, high, value);
}

static sl_status set_parameters(sl_gate_definition *def, const sl_gate_parameter *parameter,
                                size_t count, sl_error *err) {
  for (size_t k = 0; k < count; k++) {
    int i = 0;
    while (i < def->param_count && strcmp(def->param[i].name, parameter[k].name) != 0) i++;
    if (i == def->param_count)
      return sl_fail(err, SL_ERR_USAGE, "%s: gate %s has no parameter '%s'", def->file, def->name,
                     parameter[k].name);
    for (int s = 0; s < 2; s++) {
      const double v = parameter[k].value[s];
      const sl_decimal x = sl_decimal_from_double(v);
      if (!isfinite(v) || sl_decimal_cmp(x, def->param[i].low) < 0 ||
          sl_decimal_cmp(x, def->param[i].high) > 0)
        return fail_value(def, i, v, err);
      def->param[i].value[s] = x;
    }
  }
  return SL_OK;
}

static sl_status make_program(sl_gate_definition *def, int s, sl_error *err) {
  sl_decimal value[SL_GATE_PARAMETER_LIMIT];
  sl_tree tree;
  sl_ref f, w;
  sl_tree_init(&tree);
  for (int i = 0; i < def->param_count; i++) value[i] = def->param[i].value[s];
  sl_gate_definition_roots(def, s, value, &tree, &f, &w);
  sl_status status;
  if (tree.failed && tree.count < SL_TREE_LIMIT)
    status = sl_fail(err, SL_ERR_MEMORY, "%s: no memory for the derivative of a gate", def->file);
  else if (tree.failed)
    status =
        sl_fail(err, SL_ERR_INPUT, "%s:1:1: expected a gate whose derivative has at most %u nodes",
                def->file, SL_TREE_LIMIT);
  else
    status = sl_program_compile(&def->program[s], &tree, f, w, err);
  sl_tree_clear(&tree);
  return status;
}

static void run_blocks(const sl_program *program, const double *r, double *f, double *w, size_t n) {
  double fixed[32 * SL_PROGRAM_LANES];
  const size_t need = sl_program_scratch(program);
  double *scratch = need <= sizeof fixed / sizeof *fixed ? fixed : malloc(need * sizeof *scratch);
  for (size_t i = 0; i < n; i += SL_PROGRAM_LANES) {
    const size_t lanes = n - i < SL_PROGRAM_LANES ? n - i : SL_PROGRAM_LANES;
    if (scratch) {
      sl_program_run(program, scratch, r + i, f ? f + i : NULL, w + i, lanes);
    } else { /* out of memory: NaN, which the check for finite numbers refuses (N1.5) */
      for (size_t k = i; k < i + lanes; k++) w[k] = (double)NAN;
      for (size_t k = i; f && k < i + lanes; k++) f[k] = (double)NAN;
    }
  }
  if (scratch != fixed) free(scratch);
}

void sl_gate_evaluate64(const sl_gate_definition *gate, int positive, const double *r, double *f,
                        double *w, size_t n) {
  run_blocks(&gate->program[positive ? 1 : 0], r, f, w, n);
}

void sl_gate_evaluate(const sl_gate_definition *gate, int positive, const float *r, float *f,
                      float *w, size_t n) {
  double r64[SL_PROGRAM_LANES], f64[SL_PROGRAM_LANES], w64[SL_PROGRAM_LANES];
  for (size_t i = 0; i < n; i += SL_PROGRAM_LANES) {
    const size_t lanes = n - i < SL_PROGRAM_LANES ? n - i : SL_PROGRAM_LANES;
    for (size_t k = 0; k < lanes; k++) r64[k] = (double)r[i + k];
    run_blocks(&gate->program[positive ? 1 : 0], r64, f64, w64, lanes);
    for (size_t k = 0; k < lanes; k++) w[i + k] = (float)w64[k];
    for (size_t k = 0; f && k < lanes; k++) f[i + k] = (float)f64[k];
  }
}

static void evaluate_one(const void *expression, int positive, float r, float *f, float *w) {
  float value;
  sl_gate_evaluate(expression, positive, &r, &value, w, 1);
  if (f) *f = value;
}

const sl_program *sl_gate_program(const sl_gate *gate, int positive) {
  if (gate->function != evaluate_one) return NULL;
  return &((const sl_gate_definition *)gate->expression)->program[positive ? 1 : 0];
}

static void fill_gate(sl_gate *out, const sl_gate_definition *def) {
  *out = (sl_gate){.family = {(sl_gate_family)def->kernel[0], (sl_gate_family)def->kernel[1]}};
  for (int s = 0; s < 2; s++) {
    const char *name = sl_gate_kernel_parameter(def->kernel[s], s);
    const double value =
        name ? sl_decimal_to_double(sl_gate_definition_named(def, name)->value[s]) : 0;
    if (def->kernel[s] == SL_GATE_EXPRESSION)
      out->function = evaluate_one, out->expression = def;
    else if (def->kernel[s] == SL_GATE_CLIP)
      *(s ? &out->clip_high : &out->clip_low) = value;
    else
      out->tau[s] = (float)value;
  }
}

/* What the trainer computes for a kernel's gate (spec O2.1, O2.2), in binary64. */
static double kernel_weight(const sl_gate_definition *def, int s, double r) {
  const char *name = sl_gate_kernel_parameter(def->kernel[s], s);
  const double value =
                   name ? sl_decimal_to_double(sl_gate_definition_named(def, name)->value[s]) : 0,
               z = value * (r - 1);
  switch (def->kernel[s]) {
    case SL_GATE_SIGMOID:
      return 1 / (cosh(z / 2) * cosh(z / 2));
    case SL_GATE_ERF:
      return exp(-z * z / 2);
    case SL_GATE_ARCTAN:
      return 1 / (1 + z * z);
    case SL_GATE_SOFTSIGN:
      return 1 / ((1 + z * z) * sqrt(1 + z * z));
    case SL_GATE_CLIP:
      return s ? r <= 1 + value : r >= 1 - value;
    default:
      return 1;
  }
}

/* What is proved is the expression, what runs is the kernel: a file in which they differ is
 * refused. Both are numbers of [0, 1] in binary64; 2^-30 leaves room for an expression that cancels
 * 2^22 times its result, and another function is further off at one of these r. */
static sl_status check_kernel(const sl_gate_definition *def, int s, sl_error *err) {
  static const double r[] = {0, 0.25, 0.8125, 1, 1.1875, 1.75, 3, 17};
  enum { POINTS = sizeof r / sizeof *r };
  double w[POINTS];
  if (def->kernel[s] == SL_GATE_EXPRESSION) return SL_OK;
  sl_gate_evaluate64(def, s, r, NULL, w, POINTS);
  for (int i = 0; i < POINTS; i++) {
    const double want = kernel_weight(def, s, r[i]);
    if (!(fabs(w[i] - want) <= 0x1p-30))
      return sl_fail(
          err, SL_ERR_INPUT,
          "%s:%d:%d: expected an expression with the kernel's f' = %.9g at r = %.9g, found %.9g",
          def->file, def->kernel_line[s], def->kernel_column[s], want, r[i], w[i]);
  }
  return SL_OK;
}

/* The points above are few: f has to be the built-in's, in exact arithmetic. */
static sl_status compare_kernel(const sl_gate_definition *def, int s, sl_error *err) {
  if (def->kernel[s] == SL_GATE_EXPRESSION) return SL_OK;
  sl_gate_definition *from = calloc(1, sizeof *from);
  if (!from) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory for a gate", def->file);
  sl_status status = sl_gate_kernel_parse(from, def->kernel[s], err);
  if (status == SL_OK) status = sl_gate_kernel_compare(def, from, s, err);
  sl_gate_definition_free(from);
  return status;
}

/* What runs a gate passes it the ratio, and nothing else (spec G1.7). */
static sl_status refuse_two(const sl_gate_definition *def, sl_error *err) {
  if (def->old < 0) return SL_OK;
  return sl_fail(
      err, SL_ERR_INPUT,
      "%s: gate %s has two arguments, r and %s ('old %s'): 'sluice verify' takes it and draws it "
      "(--svg), but nothing that trains can, for the loss is given ratios alone",
      def->file, def->name, def->param[def->old].name, def->param[def->old].name);
}

sl_status sl_gate_definition_bind(sl_gate *out, sl_gate_definition *def, sl_error *err) {
  for (int s = 0; s < 2; s++) {
    sl_program_clear(&def->program[s]);
    SL_TRY(make_program(def, s, err));
  }
  for (int s = 0; s < 2; s++) SL_TRY(check_kernel(def, s, err));
  for (int s = 0; s < 2; s++) SL_TRY(compare_kernel(def, s, err));
  fill_gate(out, def);
  return SL_OK;
}

static sl_status parse_any(sl_gate *out, sl_gate_definition **owner, const char *text, size_t size,
                           const char *file, const sl_gate_parameter *parameter, size_t count,
                           int two, sl_error *err) {
  sl_gate_definition *def = malloc(sizeof *def);
  if (!def) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory for a gate", file);
  sl_status status = sl_gate_definition_parse(def, text, size, file, err);
  if (status == SL_OK && !two) status = refuse_two(def, err);
  if (status == SL_OK) status = set_parameters(def, parameter, count, err);
  if (status == SL_OK) status = sl_gate_definition_bind(out, def, err);
  if (status != SL_OK) {
    sl_gate_definition_free(def);
    return status;
  }
  *owner = def;
  return SL_OK;
}

sl_status sl_gate_parse(sl_gate *out, sl_gate_definition **owner, const char *text, size_t size,
                        const char *file, const sl_gate_parameter *parameter, size_t count,
                        sl_error *err) {
  return parse_any(out, owner, text, size, file, parameter, count, 0, err);
}

static sl_status load_file(sl_gate *out, sl_gate_definition **owner, const char *path,
                           const sl_gate_parameter *parameter, size_t count, int two,
                           sl_error *err) {
  FILE *in = fopen(path, "rb");
  if (!in) return sl_fail_open(err, path);
  char *text = malloc(65538); /* one byte more than the limit, so that the parser sees the excess */
  const size_t size = text ? fread(text, 1, 65537, in) : 0;
  const int failed = ferror(in) ? errno : 0;
  fclose(in);
  sl_status status = SL_OK;
  if (!text)
    status = sl_fail(err, SL_ERR_MEMORY, "%s: no memory for a gate file", path);
  else if (failed)
    status = sl_fail(err, failed == EISDIR ? SL_ERR_INPUT : SL_ERR_IO, "%s: cannot read: %s", path,
                     strerror(failed));
  else
    status = parse_any(out, owner, text, size, path, parameter, count, two, err);
  free(text);
  return status;
}

/* A name without a gate: perhaps a file's, written without its ending or its folder. */
static sl_status fail_unknown(const char *name, sl_error *err) {
  char meant[SL_MEANT], file[300];
  sl_nearest nearest = {.word = name, .length = strlen(name)};
  for (size_t i = 0; i < sl_gate_builtin_count(); i++)
    sl_nearest_offer(&nearest, sl_gate_builtin_name(i));
  snprintf(file, sizeof file, "%s.gate", name);
  if (access(file, F_OK) == 0)
    snprintf(meant, sizeof meant, "; did you mean %.70s?", file);
  else if (access(name, F_OK) == 0)
    snprintf(meant, sizeof meant, "; did you mean ./%.60s?", name);
  else
    sl_nearest_meant(meant, &nearest);
  return sl_fail(err, SL_ERR_USAGE,
                 "no built-in gate '%s' (a path holds a '/' or ends in .gate); 'sluice gate list' "
                 "names them%s",
                 name, meant);
}

static sl_status load_any(sl_gate *out, sl_gate_definition **owner, const char *name_or_path,
                          const sl_gate_parameter *parameter, size_t count, int two,
                          sl_error *err) {
  const char *dot = strrchr(name_or_path, '.');
  if (strchr(name_or_path, '/') || (dot && strcmp(dot, ".gate") == 0))
    return load_file(out, owner, name_or_path, parameter, count, two, err);
  const char *text = sl_gate_builtin_text(name_or_path);
  if (text) {
    char file[64];
    snprintf(file, sizeof file, "%s.gate", name_or_path);
    return parse_any(out, owner, text, strlen(text), file, parameter, count, two, err);
  }
  return fail_unknown(name_or_path, err);
}

sl_status sl_gate_load(sl_gate *out, sl_gate_definition **owner, const char *name_or_path,
                       const sl_gate_parameter *parameter, size_t count, sl_error *err) {
  return load_any(out, owner, name_or_path, parameter, count, 0, err);
}

sl_status sl_gate_load_any(sl_gate *out, sl_gate_definition **owner, const char *name_or_path,
                           const sl_gate_parameter *parameter, size_t count, sl_error *err) {
  return load_any(out, owner, name_or_path, parameter, count, 1, err);
}

void sl_gate_definition_free(sl_gate_definition *owner) {
  if (!owner) return;
  for (int s = 0; s < 2; s++) sl_program_clear(&owner->program[s]);
  sl_tree_clear(&owner->tree);
  free(owner);
}

const char *sl_gate_definition_name(const sl_gate_definition *gate) { return gate->name; }
const char *sl_gate_definition_citation(const sl_gate_definition *gate) { return gate->cite; }
unsigned sl_gate_definition_refuted(const sl_gate_definition *gate) {
  unsigned refuted = 0;
  for (int s = 0; s < 2; s++)
    for (unsigned i = 0; i < 4; i++)
      if (gate->expect[s][i] == SL_EXPECT_REFUTED) refuted |= 1u << i;
  return refuted;
}

int sl_gate_definition_has_value(const sl_gate_definition *gate, int positive) {
  return gate->f[positive ? 1 : 0] != SL_NO_REF;
}
size_t sl_gate_definition_parameters(const sl_gate_definition *gate) {
  return (size_t)gate->param_count;
}

sl_gate_parameter_info sl_gate_definition_parameter(const sl_gate_definition *gate, size_t index) {
  const sl_gate_declared *d = &gate->param[index];
  return (sl_gate_parameter_info){
      d->name,
      sl_decimal_to_double(d->low),
      sl_decimal_to_double(d->high),
      {sl_decimal_to_double(d->value[0]), sl_decimal_to_double(d->value[1])}};
}

int sl_gate_definition_expression(const sl_gate_definition *gate, int positive, int weight,
                                  char *buffer, size_t size) {
  sl_tree tree;
  sl_ref f, w;
  sl_tree_init(&tree);
  sl_gate_definition_roots(gate, positive, NULL, &tree, &f, &w);
  const sl_ref ref = weight ? w : f;
  char names[SL_GATE_PARAMETER_LIMIT][32];
  memcpy(names, gate->param_name, sizeof names);
  const int fits =
      !tree.failed && ref != SL_NO_REF && sl_tree_print(buffer, size, &tree, ref, names);
  sl_tree_clear(&tree);
  return fits;
}
