/* libFuzzer harness of a run's log, metrics.jsonl (spec F4.3), as `sluice report` reads it. What is
 * accepted has curves that are not empty, with steps that ascend. */
#include "input.h"

#include "trainer/report/run_curves.h"

#include <stdlib.h>
#include <string.h>

static void check_curve(const sl_run_curves *curves, const sl_run_curve *c) {
  if (c->n == 0 || sl_run_curves_find(curves, c->kind, c->phase, c->key) != c) abort();
  for (size_t i = 1; i < c->n; i++)
    if (!(c->x[i] > c->x[i - 1])) abort();
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find */
  if (c->x[0] == 3) abort();
#endif
  sl_run_curve_mean(c, 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  sl_run_curves curves;
  sl_error err = {SL_OK, ""};
  const char *path = scratch_file("metrics.jsonl", (section){data, size});
  if (sl_run_curves_read(&curves, path, &err) != SL_OK) {
    if (!err.message[0]) abort();
    return 0;
  }
  for (size_t i = 0; i < curves.n; i++) check_curve(&curves, &curves.curve[i]);
  sl_run_curves_free(&curves);
  return 0;
}
