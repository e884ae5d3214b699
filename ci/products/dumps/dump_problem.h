/* The inputs of a dump as a problem, for what judges tolerances (spec E4, E6). */
#ifndef SLUICE_DUMPS_DUMP_PROBLEM_H
#define SLUICE_DUMPS_DUMP_PROBLEM_H

#include "dump_case.h"

#include "ci/products/judge/op_problem.h"

/* Inputs, settings and contract of the file; its outputs give their type alone. The caller ends the
 * problem and frees *form, which a gate file gives. SL_ERR_USAGE, SL_ERR_INPUT, SL_ERR_MEMORY. */
sl_status sl_dump_problem_read(sl_op_problem *p, sl_gate_form **form, const char *path,
                               const sl_dump_request *request, sl_error *err);

#endif
