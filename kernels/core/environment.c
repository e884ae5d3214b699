/* Whether this thread's floating-point environment is the one of spec N1.2. */
#include "environment.h"

#include <fenv.h>

#if defined(__x86_64__)
#include <immintrin.h>
/* FTZ, rounding control, DAZ: fegetround alone would miss a rounding mode that was set here and not
 * in the x87 control word. */
#define MXCSR_WRONG 0xe040u
static int units_right(void) { return (_mm_getcsr() & MXCSR_WRONG) == 0; }
#else
static int units_right(void) {
  volatile float tiny = 0x1p-126f;
  return tiny * 0.5f != 0.0f;
}
#endif

int sl_environment_ok(void) { return fegetround() == FE_TONEAREST && units_right(); }
