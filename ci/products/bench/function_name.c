/* Names of the functions of spec/functions.def. */
#include "function_name.h"

const char *sl_function_name(sl_function_id f) {
  static const char *const names[SL_FUNCTION_COUNT] = {
#define SL_FUNCTION(name, low, high) #name,
#include <sluice/functions.def>
#undef SL_FUNCTION
  };
  return names[f];
}
