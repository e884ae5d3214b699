/* A dump's inputs become a problem's. */
#include "dump_problem.h"

sl_status sl_dump_problem_read(sl_op_problem *p, sl_gate_form **form, const char *path,
                               const sl_dump_request *request, sl_error *err) {
  sl_dump *dump;
  sl_dump_case d;
  SL_TRY(sl_dump_open(&dump, path, err));
  const sl_status status = sl_dump_inputs_read(&d, dump, request, err);
  sl_dump_close(dump);
  if (!status) {
    *p = (sl_op_problem){.c = d.c, .given = d.c.contract.out};
    for (size_t i = 0; i < sl_op_inputs(d.c.op); i++) {
      p->input[i] = d.input[i], d.input[i] = NULL;
      p->count[i] = p->input[i] ? sl_op_count_of(&d.c, &d.c.op->in[i]) : 0;
    }
    *form = d.form, d.form = NULL;
  }
  sl_dump_case_end(&d);
  return status;
}
