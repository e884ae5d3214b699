/* What is said of a dump (spec E5.2, E7.2, E8.3): for people, as JSON, as JUnit XML. */
#ifndef SLUICE_DUMPS_DUMP_REPORT_H
#define SLUICE_DUMPS_DUMP_REPORT_H

#include "dump_causes.h"
#include "dump_judge.h"
#include "generated.h"

#include <stdio.h>

/* One judged dump, or kernel of a shared library. */
typedef struct {
  const char *path;
  const sl_dump_case *d;
  const sl_dump_verdict *v;
  const sl_dump_causes *causes;
  const sl_generated_request *made; /* of a library; NULL for a dump */
  const char *happened;             /* in place of an answer (spec E10.4), or NULL */
} sl_dump_report;

void sl_dump_report_text(FILE *out, const sl_dump_report *r);
void sl_dump_report_json(FILE *out, const sl_dump_report *r);
void sl_dump_report_junit(FILE *out, const sl_dump_report *r);

/* The verdict in one line: "y[3] is 1.5, exact 1.25 within 0.001", or why nothing is decided. */
enum { SL_DUMP_REASON = 320 };
void sl_dump_reason(char out[SL_DUMP_REASON], const sl_dump_report *r);

/* Tensors, settings and causes of an op (spec E6.1). */
void sl_dump_print_conventions(FILE *out, const sl_op *op);

#endif
