/* What `sluice verify` found of one gate, and its forms: text, JSON, JUnit, SVG. */
#ifndef SLUICE_VERIFY_REPORT_H
#define SLUICE_VERIFY_REPORT_H

#include "float_check.h"
#include "proofs/prover/verify.h"

typedef struct {
  const sl_gate *gate;
  const sl_gate_definition *def;
  const sl_verify_options *options;
  int sides;      /* bit 0: A <= 0 was verified, bit 1: A > 0 was */
  int same_sides; /* the signs agree, and A > 0 stands for both */
  sl_side_report side[2];
  int floats; /* the check over binary32 ran */
  sl_float_report binary32[2];
} sl_report;

const char *sl_verdict_name(sl_verdict verdict);
/* P1 to P4 of all sides; the requirements of all sides, PROVED where there is none. */
sl_verdict sl_report_verdict(const sl_report *report);
sl_verdict sl_report_requirements(const sl_report *report);
const char *sl_side_name(const sl_report *report,
                         int positive); /* "A > 0", "A <= 0" or "either sign" */

void sl_report_text(FILE *out, const sl_report *report);
int sl_report_json(FILE *out, const sl_report *report); /* 0 on success */
void sl_report_junit(FILE *out, const sl_report *report);
void sl_report_svg(FILE *out, const sl_report *report);

#endif
