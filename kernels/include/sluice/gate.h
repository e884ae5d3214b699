/* Gates from files (spec/gates.md): load one by the name of a built-in or by path, evaluate it,
 * read what its file declares. */
#ifndef SLUICE_GATE_H
#define SLUICE_GATE_H

#include <sluice/status.h>
#include <sluice/types.h>

#include <stddef.h>

#if defined(__GNUC__)
#pragma GCC visibility push(default) /* what libsluice.so exports */
#endif
#ifdef __cplusplus
extern "C" {
#endif

#define SL_GATE_PARAMETER_LIMIT 8

/* A parsed gate file with its parameters bound. Owns what a loaded sl_gate points to. */
typedef struct sl_gate_definition sl_gate_definition;

/* A value for a gate's parameter: [0] for A <= 0, [1] for A > 0 (as sl_gate.tau). */
typedef struct {
  const char *name;
  double value[2];
} sl_gate_parameter;

/* What a gate file declares of one parameter, and its bound values. */
typedef struct {
  const char *name;
  double low, high;
  double value[2];
} sl_gate_parameter_info;

/* Loads a gate: `name_or_path` is a built-in's name (sl_gate_builtin_name) or, if it holds a '/' or
 * ends in ".gate", a file. Parameters not given keep the file's defaults. A gate bound to a kernel
 * (spec G1.3) yields that family; any other yields SL_GATE_EXPRESSION, evaluated by spec G3.1.
 * *owner is the caller's, to be freed with sl_gate_definition_free after the last use of *out.
 * Errors: SL_ERR_IO (unreadable), SL_ERR_INPUT (no such file; file:line:column and what was
 * expected; a value outside its range; a gate of two arguments, spec G1.7), SL_ERR_USAGE (no such
 * built-in or parameter). */
sl_status sl_gate_load(sl_gate *out, sl_gate_definition **owner, const char *name_or_path,
                       const sl_gate_parameter *parameter, size_t count, sl_error *err);

/* The same from `size` bytes of text; `file` is the name that errors print. */
sl_status sl_gate_parse(sl_gate *out, sl_gate_definition **owner, const char *text, size_t size,
                        const char *file, const sl_gate_parameter *parameter, size_t count,
                        sl_error *err);
void sl_gate_definition_free(sl_gate_definition *owner);

/* Value and weight at n ratios by the file's expression (spec G3.1), also for gates bound to a
 * kernel. f may be NULL; it is filled with NaN where the gate has a weight alone. positive: 1 for A
 * > 0, else 0. */
void sl_gate_evaluate(const sl_gate_definition *gate, int positive, const float *r, float *f,
                      float *w, size_t n);

/* The same from binary64 ratios and without the last rounding, to binary32; for plots and for the
 * check of all binary32 ratios. */
void sl_gate_evaluate64(const sl_gate_definition *gate, int positive, const double *r, double *f,
                        double *w, size_t n);

const char *sl_gate_definition_name(const sl_gate_definition *gate);
const char *sl_gate_definition_citation(const sl_gate_definition *gate);
/* The properties that the file expects to be refuted for at least one sign of the advantage (spec
 * G1.3): bit i is P(i + 1). 0 if the file calls the gate admissible or expects nothing. */
unsigned sl_gate_definition_refuted(const sl_gate_definition *gate);
int sl_gate_definition_has_value(const sl_gate_definition *gate,
                                 int positive); /* 0: `weight` alone */
size_t sl_gate_definition_parameters(const sl_gate_definition *gate);
sl_gate_parameter_info sl_gate_definition_parameter(const sl_gate_definition *gate, size_t index);

/* The expression of f (or of the weight, for which weight is 1) as text, parameters by name. 0 if
 * it does not fit or is absent. */
int sl_gate_definition_expression(const sl_gate_definition *gate, int positive, int weight,
                                  char *buffer, size_t size);

/* The gates built into the library: spec/gates/ in alphabetical order. */
size_t sl_gate_builtin_count(void);
const char *sl_gate_builtin_name(size_t index);
const char *sl_gate_builtin_text(const char *name); /* NULL: no gate has this name */

#ifdef __cplusplus
}
#endif
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#endif
