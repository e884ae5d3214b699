/* The error bound that a vendor's kernels must meet (vendor.h). */
#include "vendor.h"

#include <math.h>
#include <string.h>

double sl_vendor_dot_bound(size_t n, double magnitude) {
  const double r = ((double)n + 1.0) * 0x1p-24;
  return r < 0.5 ? r / (1.0 - r) * magnitude + (double)n * 0x1p-150 : INFINITY;
}

static int begins_with(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

int sl_vendor_bounded(const sl_context *ctx, sl_kernel_id kernel) {
  const char *backend = sl_context_backend(ctx);
  if (!begins_with(backend, "openblas+") && !begins_with(backend, "cublas+")) return 0;
  return kernel == SL_KERNEL_linear_pack || kernel == SL_KERNEL_linear_forward ||
         kernel == SL_KERNEL_linear_input_grad || kernel == SL_KERNEL_linear_weight_grad;
}
