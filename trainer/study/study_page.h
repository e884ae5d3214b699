/* The page of a study: verdicts, figures, tables. */
#ifndef SLUICE_STUDY_PAGE_H
#define SLUICE_STUDY_PAGE_H

#include "findings.h"

#include <stdio.h>

/* One HTML file without references, readable in light and dark. SL_ERR_MEMORY, and the errors of a
 * gate's file. */
sl_status sl_study_page_write(FILE *out, const sl_study_results *results,
                              const sl_findings *findings, sl_error *err);
/* The verdicts in a few lines of text. */
void sl_study_text_write(FILE *out, const sl_study_results *results, const sl_findings *findings);

#endif
