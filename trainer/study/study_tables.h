/* The tables of a study's page. */
#ifndef SLUICE_STUDY_TABLES_H
#define SLUICE_STUDY_TABLES_H

#include "findings.h"

#include <stdio.h>

void sl_study_findings_table(FILE *out, const sl_findings *findings);
/* Every arm with its measures: the paper's table. */
void sl_study_arms_table(FILE *out, const sl_study_results *results);
/* Every arm less the baseline, paired by seed. */
void sl_study_differences_table(FILE *out, const sl_study_results *results);
/* Times to the thresholds, seed by seed; one that was not reached is shown as such. */
void sl_study_times_table(FILE *out, const sl_study_results *results);
/* Runs that failed or are not there; nothing if there are none. */
void sl_study_problems_table(FILE *out, const sl_study_results *results);

#endif
