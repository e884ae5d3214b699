/* Links the whole oracle without libsluice: it shares no code with kernels/. Prints the bounds. */
#include "reference/bounds.h"

#include <stdio.h>

int main(void) {
  for (sl_bound_id id = 0; id < SL_BOUND_COUNT; id++)
    printf("%s: %s\n", sl_bound_name(id), sl_bound_derivation(id));
  return 0;
}
