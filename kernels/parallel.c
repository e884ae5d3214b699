/* The only place with OpenMP: ranges handed to threads, each of which checks its environment (spec N1.2, N1.4). */
#include "context.h"

#include <fenv.h>
#include <omp.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define MXCSR_FTZ_DAZ 0x8040u
static int subnormals_kept(void) { return (_mm_getcsr() & MXCSR_FTZ_DAZ) == 0; }
#else
static int subnormals_kept(void) {
  volatile float tiny = 0x1p-126f;
  return tiny * 0.5f != 0.0f;
}
#endif

int sl_environment_ok(void) { return fegetround() == FE_TONEAREST && subnormals_kept(); }

sl_status sl_parallel_for(sl_context *ctx, size_t n, size_t grain, sl_parallel_body body, void *arg) {
  if (grain == 0) grain = 1;
  const size_t ranges = n / grain + (n % grain != 0);
  int bad = 0;
  if (ctx->threads <= 1 || ranges <= 1) {
    bad = !sl_environment_ok();
    for (size_t r = 0; !bad && r < ranges; r++) {
      const size_t begin = r * grain;
      body(arg, begin, n - begin < grain ? n : begin + grain, 0);
    }
  } else {
    /* Always the whole team, even for fewer ranges: a team that shrinks ends threads, and one that grows makes new ones, with memory. */
#pragma omp parallel num_threads(ctx->threads)
    {
      if (!sl_environment_ok()) {
#pragma omp atomic write
        bad = 1;
      }
      /* all have checked before one writes: outputs are untouched on error */
#pragma omp barrier
#pragma omp for schedule(dynamic, 1)
      for (size_t r = 0; r < ranges; r++) {
        const size_t begin = r * grain;
        if (!bad) body(arg, begin, n - begin < grain ? n : begin + grain, omp_get_thread_num());
      }
    }
  }
  if (bad) return sl_fail(&ctx->error, SL_ERR_ENVIRONMENT, "a worker thread does not round to nearest or flushes subnormals (spec N1.2)");
  return SL_OK;
}
