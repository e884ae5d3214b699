/* Grids of a study: an arm for every combination. */
#include "study_grid.h"

#include "kernels/support/run_folder.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

int sl_study_name(char out[SL_STUDY_NAME_MAX], const char *text) {
  const size_t n = strlen(text);
  if (n == 0 || n >= SL_STUDY_NAME_MAX || !isalpha((unsigned char)*text)) return 0;
  for (size_t i = 0; i < n; i++)
    if (!isalnum((unsigned char)text[i]) && !strchr("._-", text[i])) return 0;
  memcpy(out, text, n + 1);
  return 1;
}

_Static_assert(SL_STUDY_NAME_MAX == 80, "SL_STUDY_NAME_MOST says 79");

const char *sl_study_name_taken(const char *name) {
  static const char *const taken[][2] = {{SL_STUDY_WARM_START, "the shared warm starts"},
                                         {SL_STUDY_JSON, "the results"},
                                         {SL_STUDY_PAGE, "the page"},
                                         {SL_RUN_LOCK, "the lock"},
                                         {SL_RUN_CONFIG, "a run's configuration"}};
  for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
    if (strcmp(name, taken[i][0]) == 0) return taken[i][1];
  return NULL;
}

void sl_study_grid_free(sl_study_grid *grid) {
  for (size_t i = 0; i < grid->axes; i++) sl_study_sets_free(&grid->axis[i].values);
}

/* Appends to an arm's name what a folder can hold of the text: other characters become '-'. */
static sl_status append_name(const sl_study *study, sl_study_arm *arm, const sl_study_set *value,
                             const char *text, sl_error *err) {
  size_t used = strlen(arm->name);
  if (used + (used > 0) + strlen(text) >= SL_STUDY_NAME_MAX)
    return sl_study_fail(study, value->line, value->column, err,
                         "%s: '%.80s' makes the name of an arm longer than " SL_STUDY_NAME_MOST
                         " bytes: %s-...",
                         value->key, text, arm->name);
  if (used) arm->name[used++] = '-';
  for (; *text; text++)
    arm->name[used++] = (char)(isalnum((unsigned char)*text) || strchr("._-", *text) ? *text : '-');
  arm->name[used] = 0;
  return SL_OK;
}

/* Two axes may mean the same key: gates and gate.name. */
static sl_status add_set(const sl_study *study, sl_study_arm *arm, const char *key,
                         const char *text, const sl_study_set *value, sl_error *err) {
  const sl_study_set *before = sl_study_sets_find(&arm->sets, key);
  if (before)
    return sl_study_fail(study, value->line, value->column, err,
                         "%s: expected each key once, but it stands at %zu:%zu already", key,
                         before->line, before->column);
  return sl_study_sets_add(&arm->sets, key, text, value->line, value->column, err);
}

static sl_status add_gate(const sl_study *study, sl_study_arm *arm, const sl_study_set *value,
                          sl_error *err) {
  const char *slash = strrchr(value->value, '/');
  snprintf(arm->gate, sizeof arm->gate, "%.40s", slash ? slash + 1 : value->value);
  const sl_status status = append_name(study, arm, value, arm->gate, err);
  return status ? status : add_set(study, arm, "gate.name", value->value, value, err);
}

/* "10/12": of A > 0, of the others. */
static sl_status add_tau(const sl_study *study, sl_study_arm *arm, const sl_study_set *value,
                         sl_error *err) {
  char pos[48];
  const char *slash = strchr(value->value, '/');
  if (!slash || slash == value->value || !slash[1] || strlen(value->value) >= sizeof pos)
    return sl_study_fail(study, value->line, value->column, err,
                         "taus: expected tau of A > 0 and of the others, as 10/12, found '%.80s'",
                         value->value);
  snprintf(pos, sizeof pos, "%.*s", (int)(slash - value->value), value->value);
  snprintf(arm->tau, sizeof arm->tau, "%s", value->value);
  sl_status status = append_name(study, arm, value, pos, err);
  if (!status) status = append_name(study, arm, value, slash + 1, err);
  if (!status) status = add_set(study, arm, "gate.pos.tau", pos, value, err);
  return status ? status : add_set(study, arm, "gate.neg.tau", slash + 1, value, err);
}

static sl_status add_value(const sl_study *study, sl_study_arm *arm, const sl_study_set *value,
                           sl_error *err) {
  if (strcmp(value->key, "gates") == 0) return add_gate(study, arm, value, err);
  if (strcmp(value->key, "taus") == 0) return add_tau(study, arm, value, err);
  const char *dot = strrchr(value->key, '.');
  sl_status status = append_name(study, arm, value, dot ? dot + 1 : value->key, err);
  if (!status) status = append_name(study, arm, value, value->value, err);
  return status ? status : add_set(study, arm, value->key, value->value, value, err);
}

sl_status sl_study_grid_expand(sl_study *study, const sl_study_grid *grid, sl_error *err) {
  size_t index[SL_STUDY_AXES_MAX] = {0}, moved = grid->axes;
  if (grid->axes == 0)
    return sl_study_fail(study, grid->line, grid->column, err, "grids: an empty grid");
  while (moved > 0) {
    sl_study_arm *arm;
    sl_status status = sl_study_add_arm(study, &arm, err);
    if (!status) arm->line = grid->line, arm->column = grid->column;
    for (size_t a = 0; !status && a < grid->axes; a++)
      status = add_value(study, arm, &grid->axis[a].values.item[index[a]], err);
    if (!status && !isalpha((unsigned char)*arm->name))
      status = sl_study_fail(study, grid->line, grid->column, err,
                             "grids: expected gates or a key first, found '%s'", arm->name);
    if (status) return status;
    for (moved = grid->axes; moved > 0; moved--) { /* the next combination */
      if (++index[moved - 1] < grid->axis[moved - 1].values.n) break;
      index[moved - 1] = 0;
    }
  }
  return SL_OK;
}
