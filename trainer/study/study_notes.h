/* What a study is allowed to ask for, but hardly means. */
#ifndef SLUICE_STUDY_NOTES_H
#define SLUICE_STUDY_NOTES_H

#include "study_table.h"

#include <stdio.h>

/* Prints a line for each: no baseline, one whose gate is not clip, arms with equal keys. */
sl_status sl_study_notes_print(const sl_study_table *table, FILE *out, sl_error *err);

#endif
