/* What a gate file says, parsed: parameters, expressions for both advantage signs, requirements,
 * expected verdicts (spec G1). */
#ifndef SLUICE_GATE_DEFINITION_H
#define SLUICE_GATE_DEFINITION_H

#include "program.h"
#include "tree.h"

#include <sluice/gate.h>

#define SL_GATE_NAME_SIZE 32
#define SL_GATE_REQUIREMENT_LIMIT 16

typedef struct {
  char name[SL_GATE_NAME_SIZE];
  sl_decimal low, high;
  sl_decimal value[2]; /* [0] A <= 0, [1] A > 0 */
} sl_gate_declared;

/* left <= right for every r in [r_low, r_high] (r_high.e = INT32_MAX: no end) and every value of
 * the parameters in their ranges. */
typedef struct {
  sl_ref left, right;
  sl_decimal r_low, r_high;
  sl_decimal low[SL_GATE_PARAMETER_LIMIT], high[SL_GATE_PARAMETER_LIMIT];
  unsigned ranged;              /* bit i: parameter i has a range of this requirement's own */
  int value_line, value_column; /* where it first names f itself; 0: it does not */
  char text[160];
} sl_gate_requirement;

typedef enum {
  SL_EXPECT_NONE,
  SL_EXPECT_PROVED,
  SL_EXPECT_STRICT,
  SL_EXPECT_WEAK,
  SL_EXPECT_REFUTED,
  SL_EXPECT_UNDECIDED
} sl_gate_expectation;

struct sl_gate_definition {
  char name[SL_GATE_NAME_SIZE];
  char cite[256];
  char file[256];
  int kernel[2]; /* by side an sl_gate_family; SL_GATE_EXPRESSION where none is named */
  int kernel_line[2], kernel_column[2];
  sl_gate_declared param[SL_GATE_PARAMETER_LIMIT];
  char param_name[SL_GATE_PARAMETER_LIMIT][32]; /* as sl_tree_print takes them */
  int param_count;
  /* Of a gate of two arguments (spec G1.7) the parameter that stands for the token's probability
   * under the old policy, in [0, 1]; else -1. Its value is 1 where nothing else is said. */
  int old;
  sl_tree tree;
  sl_ref f[2], w[2]; /* SL_NO_REF: w follows from f, or f is absent */
  sl_gate_requirement requirement[SL_GATE_REQUIREMENT_LIMIT];
  int requirement_count;
  sl_gate_expectation expect[2][4]; /* P1 to P4 by side */
  sl_program program[2];            /* f and w with the parameters bound */
};

/* The parameter of a kernel for one side, NULL where it has none (spec G1.3). */
const char *sl_gate_kernel_parameter(int kernel, int positive);

/* A declared parameter by its name, which must be one. */
const sl_gate_declared *sl_gate_definition_named(const sl_gate_definition *def, const char *name);

/* sl_gate_load, also of a gate of two arguments, which no trainer can run. */
sl_status sl_gate_load_any(sl_gate *out, sl_gate_definition **owner, const char *name_or_path,
                           const sl_gate_parameter *parameter, size_t count, sl_error *err);

/* Makes *out and the programs again after the values of def->param have changed. They are exact
 * decimals, which no binary64 of sl_gate_parameter need be. On error *out is untouched, and the
 * definition is only to be freed. */
sl_status sl_gate_definition_bind(sl_gate *out, sl_gate_definition *def, sl_error *err);

/* f and w of one side over `tree`, with parameters replaced by their values where value is not
 * NULL. *f is SL_NO_REF for a weight gate. */
void sl_gate_definition_roots(const sl_gate_definition *def, int positive, const sl_decimal *value,
                              sl_tree *tree, sl_ref *f, sl_ref *w);

#endif
