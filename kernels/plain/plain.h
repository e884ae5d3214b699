/* The plain kernels: scalar C that reads like the clauses. Internal. */
#ifndef SLUICE_PLAIN_H
#define SLUICE_PLAIN_H

#include "kernels/core/context.h"
#include "kernels/core/verify.h"

#define SL_KERNEL(name, params, args, storage, clause, bound) \
  sl_status sl_plain_##name(sl_context *ctx, SL_UNPAREN params);
#include <sluice/kernels.def>
#undef SL_KERNEL

#endif
