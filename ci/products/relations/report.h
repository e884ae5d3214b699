/* What a run of relations is reported as (spec E5.2): a table for people, JSON, JUnit XML, and
 * lines that GitHub shows beside the code and on the run's page. */
#ifndef SLUICE_RELATIONS_REPORT_H
#define SLUICE_RELATIONS_REPORT_H

#include "run.h"

#include <stdio.h>

/* A finished run; rows in the order of the run. */
typedef struct {
  const sl_run_request *request;
  sl_run_row *row;
  size_t rows, skipped;
  int code;
  double seconds;
} sl_run_report;

/* The table, row by row as they come, and its end. */
void sl_report_head(FILE *out, const sl_run_request *request);
void sl_report_row(FILE *out, const sl_run_row *row);
void sl_report_end(FILE *out, const sl_run_report *report);

void sl_report_as_json(FILE *out, const sl_run_report *report);
void sl_report_as_junit(FILE *out, const sl_run_report *report);
/* ::error and ::warning lines; and the table in Markdown for $GITHUB_STEP_SUMMARY. */
void sl_report_annotations(FILE *out, const sl_run_report *report);
void sl_report_as_markdown(FILE *out, const sl_run_report *report);

#endif
