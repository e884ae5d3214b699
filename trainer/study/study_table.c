/* The runs of a study and their configurations. */
#include "study_table.h"

#include "kernels/support/text_stream.h"
#include "trainer/files/file.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sl_status no_memory(sl_error *err) {
  return sl_fail(err, SL_ERR_MEMORY, "no memory for the runs of a study");
}

static const char *arm_name(const sl_study_table *t, const sl_study_run *run) {
  return run->arm == SL_STUDY_NONE ? SL_STUDY_WARM_START : t->study->arm[run->arm].name;
}

void sl_study_run_name(char *out, size_t size, const sl_study_table *t, const sl_study_run *run) {
  snprintf(out, size, "%s/seed-%" PRIu64, arm_name(t, run), t->study->seed[run->seed]);
}

/* A text in fresh memory; NULL if it is short. */
static char *format(const char *pattern, ...) __attribute__((format(printf, 1, 2)));
static char *format(const char *pattern, ...) {
  sl_text_stream made;
  FILE *out = sl_text_stream_open(&made);
  if (!out) return NULL;
  va_list args;
  va_start(args, pattern);
  vfprintf(out, pattern, args);
  va_end(args);
  return sl_text_stream_close(&made);
}

char *sl_study_first_model(const sl_study_table *t, const sl_study_run *run) {
  if (run->arm == SL_STUDY_NONE || !t->warm) return NULL;
  return format("%s/model", t->run[run->seed].path);
}

static const sl_study_sets *own_sets(const sl_study_table *t, const sl_study_run *run) {
  return run->arm == SL_STUDY_NONE ? &t->study->warm : &t->study->arm[run->arm].sets;
}

void sl_study_arguments_free(sl_study_arguments *a) {
  for (size_t i = 0; i < a->n; i++) free(a->item[i]);
  a->n = 0;
}

static uint64_t seed_of(const sl_study_table *t, const sl_study_run *run) {
  const uint64_t offset = run->arm == SL_STUDY_NONE ? 0 : t->study->arm[run->arm].seed_offset;
  return t->study->seed[run->seed] + offset;
}

sl_status sl_study_arguments_make(sl_study_arguments *out, const sl_study_table *t,
                                  const sl_study_run *run, int model, sl_error *err) {
  const sl_study_sets *own = own_sets(t, run);
  sl_study_arguments a = {.n = 0};
  for (size_t i = 0; i < own->n; i++)
    a.item[a.n++] = format("%s=%s", own->item[i].key, own->item[i].value);
  a.item[a.n++] = format("run.out=%s", run->path);
  a.item[a.n++] = format("run.seed=%" PRIu64, seed_of(t, run));
  a.item[a.n++] = format("run.threads=1");
  if (run->arm == SL_STUDY_NONE) a.item[a.n++] = format("rl.steps=0");
  char *first = model ? sl_study_first_model(t, run) : NULL;
  if (first) {
    a.item[a.n++] = format("model.folder=%s", first);
    a.item[a.n++] = format("sft.steps=0");
  }
  free(first);
  for (size_t i = 0; i < a.n; i++)
    if (!a.item[i]) {
      sl_study_arguments_free(&a);
      return no_memory(err);
    }
  *out = a;
  return SL_OK;
}

/* "--set N: ..." becomes the place of the study's file that the argument comes from. */
sl_status sl_study_place_error(const sl_study_table *t, const sl_study_run *run,
                               const sl_error *inner, sl_error *err) {
  static const char prefix[] = "--set ";
  const sl_study_sets *own = own_sets(t, run);
  const sl_error why = *inner;
  char name[SL_STUDY_NAME_MAX + 32];
  char *end;
  sl_study_run_name(name, sizeof name, t, run);
  if (strncmp(why.message, prefix, sizeof prefix - 1) != 0)
    return sl_fail(err, why.status, "%s: %.700s", name, why.message);
  const unsigned long number = strtoul(why.message + sizeof prefix - 1, &end, 10);
  if (number < 1 || number > own->n || *end != ':')
    return sl_fail(err, why.status, "%s: %.700s", name, why.message);
  const sl_study_set *set = &own->item[number - 1];
  return sl_study_fail(t->study, set->line, set->column, err, "%s%.700s", arm_name(t, run), end);
}

sl_status sl_study_run_config(sl_config *out, const sl_study_table *t, const sl_study_run *run,
                              int model, sl_error *err) {
  sl_study_arguments a;
  sl_error why;
  sl_status status = sl_study_arguments_make(&a, t, run, model, err);
  if (status) return status;
  status = sl_config_load(out, t->study->base, (const char *const *)a.item, a.n, &why);
  sl_study_arguments_free(&a);
  return status ? sl_study_place_error(t, run, &why, err) : SL_OK;
}

/* What the study itself says of its runs. */
static const char *whose(const char *key, int arm, int has_warm) {
  static const char *const own[] = {"run.out", "run.seed", "run.threads", "run.base"};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (strcmp(key, own[i]) == 0) return "the study says it of each run";
  if (!arm && strcmp(key, "rl.steps") == 0) return "a warm start has no rollouts";
  if (arm && has_warm && (strncmp(key, "sft.", 4) == 0 || strncmp(key, "model.", 6) == 0))
    return "the arms of a seed share one warm start; it can stand in the base or in warm_start";
  return NULL;
}

static sl_status check_sets(const sl_study_table *t, const char *name, const sl_study_sets *sets,
                            int arm, sl_error *err) {
  for (size_t i = 0; i < sets->n; i++) {
    const sl_study_set *s = &sets->item[i];
    const char *why = whose(s->key, arm, t->warm > 0);
    if (why)
      return sl_study_fail(t->study, s->line, s->column, err, "%s: %s: cannot be set here: %s",
                           name, s->key, why);
  }
  return SL_OK;
}

static sl_status check_keys(const sl_study_table *t, sl_error *err) {
  const sl_study *s = t->study;
  sl_status status = check_sets(t, "warm_start", &s->warm, 0, err);
  for (size_t i = 0; !status && i < s->arms; i++)
    status = check_sets(t, s->arm[i].name, &s->arm[i].sets, 1, err);
  return status;
}

static sl_status add_run(sl_study_table *t, size_t arm, size_t seed, sl_error *err) {
  sl_study_run *run = &t->run[t->n];
  *run = (sl_study_run){.arm = arm, .seed = seed};
  char name[SL_STUDY_NAME_MAX + 32];
  sl_study_run_name(name, sizeof name, t, run);
  run->path = format("%s/%s", t->study->out, name);
  run->log = format("%s/%s.log", t->study->out, name);
  t->n++;
  return run->path && run->log ? SL_OK : no_memory(err);
}

static sl_status list_runs(sl_study_table *t, int has_warm, sl_error *err) {
  const sl_study *s = t->study;
  if (s->seeds > 100000 / (s->arms + 1))
    return sl_fail(err, SL_ERR_INPUT, "%s: %zu arms of %zu seeds: expected at most 100000 runs",
                   s->file, s->arms, s->seeds);
  t->run = calloc(s->seeds * (s->arms + 1), sizeof *t->run);
  if (!t->run) return no_memory(err);
  sl_status status = SL_OK;
  for (size_t i = 0; has_warm && !status && i < s->seeds; i++)
    status = add_run(t, SL_STUDY_NONE, i, err);
  t->warm = t->n;
  for (size_t i = 0; i < s->seeds; i++)
    for (size_t a = 0; !status && a < s->arms; a++) status = add_run(t, a, i, err);
  return status;
}

/* The model of a warm start is not there yet, but the rest is. */
static sl_status load_configs(sl_study_table *t, sl_error *err) {
  sl_status status = SL_OK;
  for (size_t i = 0; !status && i < t->n; i++) {
    sl_config config;
    status = sl_study_run_config(&config, t, &t->run[i], 0, err);
    if (status) break;
    t->run[i].steps = config.rl.steps;
    sl_config_free(&config);
  }
  return status;
}

sl_status sl_study_table_create(sl_study_table *out, const sl_study *study, sl_error *err) {
  sl_study_table made = {.study = study};
  sl_config base;
  sl_status status = sl_config_load(&base, study->base, NULL, 0, err);
  if (status) return status;
  const int has_warm = base.sft.steps > 0;
  sl_config_free(&base);
  status = list_runs(&made, has_warm, err);
  if (!status) status = check_keys(&made, err);
  if (!status) status = load_configs(&made, err);
  if (status)
    sl_study_table_free(&made);
  else
    *out = made;
  return status;
}

void sl_study_table_free(sl_study_table *t) {
  for (size_t i = 0; t->run && i < t->n; i++) free(t->run[i].path), free(t->run[i].log);
  free(t->run);
  *t = (sl_study_table){0};
}
