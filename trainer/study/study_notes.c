/* Notes on a study's file. */
#include "study_notes.h"

#include "study_sets.h"

#include <string.h>

static sl_status note_baseline(const sl_study_table *t, FILE *out, sl_error *err) {
  const sl_study *s = t->study;
  const size_t baseline = s->roles.baseline;
  sl_config config;
  if (baseline == SL_STUDY_NONE) {
    fprintf(out,
            "sluice study: note: %s: compare.baseline is missing: without its clip ratio no "
            "finding gets a verdict\n",
            s->file);
    return SL_OK;
  }
  const sl_status status = sl_study_run_config(&config, t, &t->run[t->warm + baseline], 0, err);
  if (status) return status;
  if (strcmp(config.gate.name, "clip") != 0)
    fprintf(out,
            "sluice study: note: %s: compare.baseline: the gate of %s is %s, not clip: it has no "
            "clip ratio, and no finding gets a verdict\n",
            s->file, s->arm[baseline].name, config.gate.name);
  sl_config_free(&config);
  return SL_OK;
}

static int are_equal(const sl_study_arm *a, const sl_study_arm *b) {
  if (a->seed_offset != b->seed_offset || a->sets.n != b->sets.n) return 0;
  for (size_t i = 0; i < a->sets.n; i++) {
    const sl_study_set *other = sl_study_sets_find(&b->sets, a->sets.item[i].key);
    if (!other || strcmp(other->value, a->sets.item[i].value) != 0) return 0;
  }
  return 1;
}

sl_status sl_study_notes_print(const sl_study_table *t, FILE *out, sl_error *err) {
  const sl_study *s = t->study;
  for (size_t i = 0; i < s->arms; i++)
    for (size_t j = 0; j < i; j++)
      if (are_equal(&s->arm[i], &s->arm[j]))
        fprintf(out,
                "sluice study: note: %s:%zu:%zu: %s has the keys of %s: their runs are the same, "
                "twice\n",
                s->file, s->arm[i].line, s->arm[i].column, s->arm[i].name, s->arm[j].name);
  return note_baseline(t, out, err);
}
