/* Lists of keys with values, as they grow while a study's file is read. Internal to
 * trainer/study. */
#ifndef SLUICE_STUDY_SETS_H
#define SLUICE_STUDY_SETS_H

#include "study.h"

/* Appends copies of key and value. SL_ERR_MEMORY. */
sl_status sl_study_sets_add(sl_study_sets *sets, const char *key, const char *value, size_t line,
                            size_t column, sl_error *err);
/* The item of that key; NULL: there is none. */
const sl_study_set *sl_study_sets_find(const sl_study_sets *sets, const char *key);
void sl_study_sets_free(sl_study_sets *sets);

/* Appends an arm; its place in *out is valid until the next one. SL_ERR_MEMORY. */
sl_status sl_study_add_arm(sl_study *study, sl_study_arm **out, sl_error *err);

#endif
