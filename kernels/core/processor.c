/* What this CPU can do, by CPUID (spec N1.2); see processor.h. */
#include "processor.h"

#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

static void tell(char text[SL_PROCESSOR_TEXT], unsigned present, const char *name) {
  const size_t used = strlen(text);
  if (!present) snprintf(text + used, SL_PROCESSOR_TEXT - used, "%s%s", used ? ", " : "", name);
}

/* Sets that clang 14 (ci/tidy) does not know by name. What of them needs the system's consent,
 * F16C, needs no more of it than AVX. */
static unsigned features(unsigned leaf) {
  unsigned a, b, c, d;
  return __get_cpuid(leaf, &a, &b, &c, &d) ? c : 0;
}

int sl_processor_lacks(char text[SL_PROCESSOR_TEXT]) {
  *text = '\0';
  __builtin_cpu_init(); /* we may be asked before main */
  tell(text, __builtin_cpu_supports("avx") != 0, "AVX");
  tell(text, __builtin_cpu_supports("avx2") != 0, "AVX2");
  tell(text, __builtin_cpu_supports("bmi") != 0, "BMI1");
  tell(text, __builtin_cpu_supports("bmi2") != 0, "BMI2");
  tell(text, features(1) & bit_F16C, "F16C");
  tell(text, __builtin_cpu_supports("fma") != 0, "FMA");
  tell(text, features(0x80000001) & bit_LZCNT, "LZCNT");
  tell(text, features(1) & bit_MOVBE, "MOVBE");
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
