/* The results of a study as JSON: no times and no places, so that a study that was stopped and goes
 * on gives the same text. */
#ifndef SLUICE_STUDY_JSON_H
#define SLUICE_STUDY_JSON_H

#include "findings.h"

#include <stdio.h>

/* SL_ERR_MEMORY, SL_ERR_IO. */
sl_status sl_study_json_write(FILE *out, const sl_study_results *results,
                              const sl_findings *findings, sl_error *err);

#endif
