/* An op by the name that a user typed. */
#ifndef SLUICE_JUDGE_OP_NAMED_H
#define SLUICE_JUDGE_OP_NAMED_H

#include "reference/contract/op.h"

/* SL_ERR_USAGE, with the name that is nearest. */
sl_status sl_op_named(const sl_op **op, const char *name, sl_error *err);

#endif
