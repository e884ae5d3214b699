/* The tables of a report's page: figures, evaluations, completions, identity, configuration.
 * Internal to the report. */
#ifndef SLUICE_REPORT_TABLES_H
#define SLUICE_REPORT_TABLES_H

#include "report.h"

void sl_report_tiles(FILE *out, const sl_run_report *run);
void sl_report_summary(FILE *out, const sl_run_report *runs, size_t n); /* of several runs */
void sl_report_evaluations(FILE *out, const sl_run_report *run);
void sl_report_completions(FILE *out, const sl_run_report *run);
void sl_report_identity(FILE *out, const sl_run_report *runs, size_t n);
/* The latter as lines of text: the key, then its value in each run. */
void sl_report_differences_text(FILE *out, const sl_run_report *runs, size_t n);
/* Every key of one run; of several, the keys in which they differ. */
void sl_report_configuration(FILE *out, const sl_run_report *runs, size_t n);

#endif
