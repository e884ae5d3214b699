/* Kernels in shared libraries (spec E10.1). */
#include "library_case.h"

static sl_status call(sl_dump_case *d, sl_happened happened, const char *library, sl_op_problem *p,
                      const sl_kernel_limits *limits, sl_error *err) {
  sl_kernel_call k;
  sl_status status = sl_kernel_call_make(&k, p, err);
  if (!status) status = sl_kernel_process(happened, library, &k, limits, err);
  sl_generated_take(d, p);
  if (!status && !*happened) status = sl_kernel_call_read(d, happened, &k, err);
  sl_kernel_call_end(&k);
  return status;
}

sl_status sl_library_case_make(sl_dump_case *d, sl_happened happened, const char *library,
                               const sl_generated_request *request, const sl_kernel_limits *limits,
                               sl_error *err) {
  sl_op_problem p = {0};
  *happened = '\0';
  sl_status status = sl_generated_make(d, &p, request, err);
  if (!status) {
    if (!d->has_out) p.c.contract.out = sl_generated_out(&p.c, p.given);
    status = call(d, happened, library, &p, limits, err);
  }
  sl_op_problem_end(&p);
  return status;
}
