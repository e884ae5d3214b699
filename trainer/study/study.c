/* A study's lists, and what does not need its file. */
#include "study_sets.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sl_study_sets_free(sl_study_sets *sets) {
  for (size_t i = 0; i < sets->n; i++) free(sets->item[i].key), free(sets->item[i].value);
  free(sets->item);
  *sets = (sl_study_sets){0};
}

sl_status sl_study_sets_add(sl_study_sets *sets, const char *key, const char *value, size_t line,
                            size_t column, sl_error *err) {
  sl_study_set *grown = realloc(sets->item, (sets->n + 1) * sizeof *grown);
  if (!grown) return sl_fail(err, SL_ERR_MEMORY, "no memory for a study's keys");
  sets->item = grown;
  const sl_study_set made = {strdup(key), strdup(value), line, column};
  grown[sets->n++] = made;
  return made.key && made.value ? SL_OK
                                : sl_fail(err, SL_ERR_MEMORY, "no memory for a study's keys");
}

const sl_study_set *sl_study_sets_find(const sl_study_sets *sets, const char *key) {
  for (size_t i = 0; i < sets->n; i++)
    if (strcmp(sets->item[i].key, key) == 0) return &sets->item[i];
  return NULL;
}

sl_status sl_study_add_arm(sl_study *study, sl_study_arm **out, sl_error *err) {
  sl_study_arm *grown = realloc(study->arm, (study->arms + 1) * sizeof *grown);
  if (!grown) return sl_fail(err, SL_ERR_MEMORY, "no memory for a study's arms");
  study->arm = grown;
  grown[study->arms] = (sl_study_arm){.name = ""};
  *out = &grown[study->arms++];
  return SL_OK;
}

void sl_study_free(sl_study *study) {
  for (size_t i = 0; i < study->arms; i++) sl_study_sets_free(&study->arm[i].sets);
  sl_study_sets_free(&study->warm);
  free(study->arm);
  free(study->seed);
  free(study->file);
  free(study->base);
  free(study->out);
  *study = (sl_study){0};
}

sl_status sl_study_fail(const sl_study *study, size_t line, size_t column, sl_error *err,
                        const char *format, ...) {
  char message[800];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  return sl_fail(err, SL_ERR_INPUT, "%s:%zu:%zu: %s", study->file, line, column, message);
}

/* One number of a list; *at moves past it. */
static int take_seed(const char **at, uint64_t *out) {
  char *end;
  if (**at < '0' || **at > '9') return 0;
  errno = 0;
  const unsigned long long value = strtoull(*at, &end, 10);
  if (errno || value > INT64_MAX) return 0;
  *out = value, *at = end;
  return 1;
}

sl_status sl_study_choose_seeds(sl_study *study, const char *list, sl_error *err) {
  uint64_t *seed = malloc((strlen(list) / 2 + 1) * sizeof *seed);
  size_t n = 0;
  const char *at = list;
  if (!seed) return sl_fail(err, SL_ERR_MEMORY, "no memory for seeds");
  for (int more = 1; more; more = *at == ',' && at++) {
    if (!take_seed(&at, &seed[n]) || (*at && *at != ',')) {
      free(seed);
      return sl_fail(err, SL_ERR_USAGE,
                     "--seeds: expected numbers from 0 to 2^63 - 1 with commas between, as 1,2,3; "
                     "found '%s'",
                     list);
    }
    for (size_t i = 0; i < n; i++)
      if (seed[i] == seed[n]) {
        free(seed);
        return sl_fail(err, SL_ERR_USAGE, "--seeds: %s: each seed once", list);
      }
    if (++n > SL_STUDY_SEEDS_MAX) {
      free(seed);
      return sl_fail(err, SL_ERR_USAGE, "--seeds: at most %d", SL_STUDY_SEEDS_MAX);
    }
  }
  free(study->seed);
  study->seed = seed, study->seeds = n;
  return SL_OK;
}
