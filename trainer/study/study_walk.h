/* Carries out the runs of a study. */
#ifndef SLUICE_STUDY_WALK_H
#define SLUICE_STUDY_WALK_H

#include "study_table.h"

typedef struct {
  size_t finished, failed;
  int stopped; /* a signal asked for it: runs at work have written a checkpoint */
} sl_study_outcome;

/* Carries out what is not finished, up to `jobs` runs at a time, with one progress line. A run that
 * fails is named on standard error with its log, and the others go on; the arms of a seed whose
 * warm start failed are failed too. Locks the study's folder: SL_ERR_USAGE if another study is at
 * work there. SL_ERR_IO, SL_ERR_MEMORY. */
sl_status sl_study_walk(sl_study_table *table, size_t jobs, int quiet, sl_study_outcome *out,
                        sl_error *err);

#endif
