/* What `sluice verify` found of gates, and its forms: text, a table, JSON, JUnit, SVG. */
#ifndef SLUICE_VERIFY_REPORT_H
#define SLUICE_VERIFY_REPORT_H

#include "float_check.h"
#include "verify_largest.h"

typedef struct {
  const sl_gate *gate;
  const sl_gate_definition *def;
  const sl_verify_options *options; /* [2], by side */
  const sl_largest *largest;        /* [2], by side, where intervals were asked for; or NULL */
  int sides;                        /* bit 0: A <= 0 was verified, bit 1: A > 0 was */
  int same_sides;                   /* the signs agree, and A > 0 stands for both */
  sl_side_report side[2];
  int floats; /* the check over binary32 ran; of two arguments: the number of values of p */
  sl_float_report binary32[2];
  unsigned stride;         /* of it: one block of 4096 neighbours in `stride`; 1: every ratio */
  const char *certificate; /* the file that was written, or NULL */
  int expects;             /* the verdicts are to be those of the file's `expect` */
} sl_report;

/* A gate and what was found of it; report points into it. */
typedef struct {
  const char *name; /* as the user gave it */
  sl_gate gate;
  sl_gate_definition *def;
  sl_verify_options options[2];
  sl_largest largest[2];
  sl_report report;
  int code;     /* of an error, SL_EXIT_OK where the report holds */
  sl_error err; /* where code says so */
  double seconds;
} sl_verified;

const char *sl_verdict_name(sl_verdict verdict);
/* What a report comes to in a few words, as the table and the picture have it. */
const char *sl_verified_summary(const sl_report *report);
/* P1 to P4 of all sides; the requirements of all sides, PROVED where there is none. */
sl_verdict sl_report_verdict(const sl_report *report);
sl_verdict sl_report_requirements(const sl_report *report);
/* Of property i, P1 to P4, over all sides. */
sl_verdict sl_report_property(const sl_report *report, int i);
/* "A > 0", "A <= 0" or "either sign" */
const char *sl_side_name(const sl_report *report, int positive);
/* Ratios, of both signs, at which the binary32 code breaks a property. */
unsigned long long sl_report_float_violations(const sl_report *report);
/* Was every binary32 ratio looked at? Of a gate of two arguments never: values of p are listed. */
int sl_report_exhaustive(const sl_report *report);
/* 1 if every property has the verdict that the file expects; else says on `out`, which may be NULL,
 * which has not. */
int sl_report_expected(FILE *out, const sl_report *report);

void sl_report_text(FILE *out, const sl_report *report);
void sl_report_table(FILE *out, const sl_verified *v, size_t n);
/* One gate's object, or an array of several; 0 on success. */
int sl_report_json(FILE *out, const sl_verified *v, size_t n);
void sl_report_junit(FILE *out, const sl_verified *v, size_t n);
void sl_report_svg(FILE *out, const sl_verified *v, size_t n); /* of the first */

#endif
