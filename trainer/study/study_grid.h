/* Grids: an arm for every combination of gates, taus and values of keys. Internal to
 * trainer/study. */
#ifndef SLUICE_STUDY_GRID_H
#define SLUICE_STUDY_GRID_H

#include "study_sets.h"

enum { SL_STUDY_AXES_MAX = 8 };
/* key: "gates", "taus" (as 10/12: A > 0, else) or a key of the configuration. */
typedef struct {
  char key[96];
  sl_study_sets values;
} sl_study_axis;

typedef struct {
  sl_study_axis axis[SL_STUDY_AXES_MAX];
  size_t axes, line, column;
} sl_study_grid;

/* Appends its arms, the last axis fastest; each is called GATE-POS-NEG-KEY-VALUE. SL_ERR_INPUT with
 * the place, also for a key that two axes set. */
sl_status sl_study_grid_expand(sl_study *study, const sl_study_grid *grid, sl_error *err);
void sl_study_grid_free(sl_study_grid *grid);

/* Copies a name that a folder can have: letters, digits, '.', '_' and '-', the first a letter; 0
 * for another one. */
int sl_study_name(char out[SL_STUDY_NAME_MAX], const char *text);
#define SL_STUDY_NAME_MOST "79" /* bytes: SL_STUDY_NAME_MAX with its NUL */
/* What has that name in a study's folder, so that no arm can; NULL: nothing. */
const char *sl_study_name_taken(const char *name);

#endif
