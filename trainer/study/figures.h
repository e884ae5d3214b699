/* The figures of a study's page: the paper's, and those of the controls. */
#ifndef SLUICE_STUDY_FIGURES_H
#define SLUICE_STUDY_FIGURES_H

#include "findings.h"

#include <stdio.h>

/* Writes the headings with their figures, as elements of HTML. SL_ERR_MEMORY, and the errors of a
 * gate's file. */
sl_status sl_study_figures_write(FILE *out, const sl_study_results *results, sl_error *err);

#endif
