/* The vector functions over arrays (spec N2.1). */
#include "kernels/core/function_maps.h"

#include "cpu.h"
#include "functions.h"

#define SL_FUNCTION(name, low, high)                             \
  static void map_##name(float *y, const float *x, size_t n) {   \
    for (size_t i = 0; i < n; i += SL_VW)                        \
      v_store_n(y + i, n - i, v_##name(v_load_n(x + i, n - i))); \
  }
#include <sluice/functions.def>
#undef SL_FUNCTION

const sl_function_map SL_ISA_NAME(function_maps)[SL_FUNCTION_COUNT] = {
#define SL_FUNCTION(name, low, high) map_##name,
#include <sluice/functions.def>
#undef SL_FUNCTION
};
