/* The scalar functions over arrays (spec N2.1). */
#include "kernels/core/function_maps.h"

#include <sluice/functions.h>

#define SL_FUNCTION(name, low, high)                           \
  static void map_##name(float *y, const float *x, size_t n) { \
    for (size_t i = 0; i < n; i++) y[i] = sl_fn_##name(x[i]);  \
  }
#include <sluice/functions.def>
#undef SL_FUNCTION

const sl_function_map sl_plain_function_maps[SL_FUNCTION_COUNT] = {
#define SL_FUNCTION(name, low, high) map_##name,
#include <sluice/functions.def>
#undef SL_FUNCTION
};
