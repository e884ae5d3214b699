/* A bound gate as a straight-line binary64 program (spec G3.1): the live nodes of its trees,
 * constants folded, over lanes of ratios. */
#ifndef SLUICE_GATE_PROGRAM_H
#define SLUICE_GATE_PROGRAM_H

#include "tree.h"

#include <sluice/types.h>

/* Binary64 operations. A POW node becomes MULs and SQRTs, or LOG, MUL, EXP (spec G3.3). */
typedef struct {
  sl_gate_op op;
  uint32_t out, in[4]; /* registers */
} sl_instruction;

/* Registers: 0 holds r, then come the constants, then what is computed. */
typedef struct {
  sl_instruction *code;
  uint32_t count, capacity;
  uint32_t registers;
  double *constant; /* by register; valid where is_constant */
  unsigned char *is_constant;
  uint32_t value, weight; /* registers of f and w; UINT32_MAX: no f */
  int failed;
} sl_program;

/* f may be SL_NO_REF. SL_ERR_MEMORY where it does not fit. The tree holds no PARAM. */
sl_status sl_program_compile(sl_program *out, const sl_tree *tree, sl_ref f, sl_ref w,
                             sl_error *err);
void sl_program_clear(sl_program *program);

#define SL_PROGRAM_LANES 128
/* Doubles of scratch for one call. */
size_t sl_program_scratch(const sl_program *program);

/* f (may be NULL) and w at n ratios, n <= SL_PROGRAM_LANES. */
void sl_program_run(const sl_program *program, double *scratch, const double *r, double *f,
                    double *w, size_t n);

/* One operation over n lanes; also used to fold constants. */
void sl_operation_run(sl_gate_op op, double *y, const double *const in[4], size_t n);

/* The program of one side of a gate that came from a file (spec G3.1); NULL for a gate whose
 * function is the caller's own. */
const sl_program *sl_gate_program(const sl_gate *gate, int positive);

#endif
