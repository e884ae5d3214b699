/* Known wrong formulas, as variants of the walks (spec E8.1): rows of causes.def. */
#ifndef SLUICE_CONTRACT_CAUSE_H
#define SLUICE_CONTRACT_CAUSE_H

#include "op.h"

typedef enum {
  SL_CAUSE_NONE,
#define SL_CAUSE(name, op, defects, text, change) SL_CAUSE_##name,
#include "causes.def"
  SL_CAUSES
} sl_cause;

typedef struct {
  const char *name;    /* "EPS_OUTSIDE" */
  const sl_op *op;     /* whose formula it is */
  const char *defects; /* ids, with blanks between them; "" for none */
  const char *text;
  const char *change; /* as causes.def has it */
} sl_cause_row;

const sl_cause_row *sl_cause_at(sl_cause cause);
/* 1 for a change of the contract. */
int sl_cause_is_contract(sl_cause cause);
/* 1 for such a change that any small error is within: not for flushed subnormals. */
int sl_cause_is_coarse(sl_cause cause);

/* The case with a cause beside those that it has: at most two. SL_ERR_USAGE where the change says
 * nothing new: the case has that setting, or its contract allows as much. */
sl_status sl_cause_apply(sl_op_case *c, sl_cause cause);

/* 1 if the walk is to compute that wrong formula. */
static inline int sl_has(const sl_op_case *c, sl_cause cause) {
  return c->cause[0] == (int)cause || c->cause[1] == (int)cause;
}

#endif
