/* What this CPU can do, by CPUID (spec N1.2); see processor.h. */
#include "processor.h"

#include <string.h>

#if defined(__x86_64__)
#define TELL(set, name)                     \
  if (!__builtin_cpu_supports(set)) {       \
    strcat(text, *text ? ", " name : name); \
  }

int sl_processor_lacks(char text[SL_PROCESSOR_TEXT]) {
  *text = '\0';
  __builtin_cpu_init(); /* we may be asked before main */
  TELL("avx", "AVX")
  TELL("avx2", "AVX2")
  TELL("bmi", "BMI1")
  TELL("bmi2", "BMI2")
  TELL("f16c", "F16C")
  TELL("fma", "FMA")
  TELL("lzcnt", "LZCNT")
  TELL("movbe", "MOVBE")
  return *text != '\0';
}

int sl_processor_has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#else
int sl_processor_lacks(char text[SL_PROCESSOR_TEXT]) { return *text = '\0', 0; }
int sl_processor_has_avx512(void) { return 0; }
#endif
