/* The public kernels: one checked entry point a row of spec/kernels.def (spec N1.2). A row without
 * its sl_check_NAME does not link. */
#include "kernels/core/check.h"
#include "kernels/core/verify.h"

/* A kernel that fails must have set the context's error. */
static sl_status checked(const sl_context *ctx, sl_status status) {
  SL_VERIFY(!status || ctx->error.status == status);
  (void)ctx;
  return status;
}

#define SL_KERNEL(name, params, args, storage, clause, bound)                        \
  sl_status sl_##name(sl_context *ctx, SL_UNPAREN params) {                          \
    if (!sl_environment_ok())                                                        \
      return sl_fail(&ctx->error, SL_ERR_ENVIRONMENT,                                \
                     #name ": rounding mode or flush-to-zero is wrong (spec N1.2)"); \
    SL_TRY(checked(ctx, sl_check_##name(ctx, SL_UNPAREN args)));                     \
    ctx->workspace_used = 0;                                                         \
    return checked(ctx, ctx->table.name(ctx, SL_UNPAREN args));                      \
  }
#include <sluice/kernels.def>
#undef SL_KERNEL
