/* Grids of a study: an arm for every combination. */
#include "study_grid.h"

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

void sl_study_grid_free(sl_study_grid *grid) {
  for (size_t i = 0; i < grid->axes; i++) sl_study_sets_free(&grid->axis[i].values);
}

/* Appends to a name what a folder can hold of the text: other characters become '-'. */
static void append_name(char name[SL_STUDY_NAME_MAX], const char *text) {
  size_t used = strlen(name);
  if (used && used + 1 < SL_STUDY_NAME_MAX) name[used++] = '-';
  for (; *text && used + 1 < SL_STUDY_NAME_MAX; text++)
    name[used++] = (char)(isalnum((unsigned char)*text) || strchr("._-", *text) ? *text : '-');
  name[used] = 0;
}

static sl_status add_gate(sl_study_arm *arm, const sl_study_set *value, sl_error *err) {
  const char *slash = strrchr(value->value, '/');
  snprintf(arm->gate, sizeof arm->gate, "%.40s", slash ? slash + 1 : value->value);
  append_name(arm->name, arm->gate);
  return sl_study_sets_add(&arm->sets, "gate.name", value->value, value->line, value->column, err);
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
  append_name(arm->name, pos);
  append_name(arm->name, slash + 1);
  sl_status status =
      sl_study_sets_add(&arm->sets, "gate.pos.tau", pos, value->line, value->column, err);
  if (!status)
    status =
        sl_study_sets_add(&arm->sets, "gate.neg.tau", slash + 1, value->line, value->column, err);
  return status;
}

static sl_status add_value(const sl_study *study, sl_study_arm *arm, const sl_study_set *value,
                           sl_error *err) {
  if (strcmp(value->key, "gates") == 0) return add_gate(arm, value, err);
  if (strcmp(value->key, "taus") == 0) return add_tau(study, arm, value, err);
  const char *dot = strrchr(value->key, '.');
  append_name(arm->name, dot ? dot + 1 : value->key);
  append_name(arm->name, value->value);
  return sl_study_sets_add(&arm->sets, value->key, value->value, value->line, value->column, err);
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
