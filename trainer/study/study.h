/* A study: a table of runs (arms x seeds) that differ from one base configuration by the keys of
 * their arm, and what is compared between them (docs/study.md). */
#ifndef SLUICE_STUDY_H
#define SLUICE_STUDY_H

#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

/* "section.key" or "section.key.parameter" with its value as a text, and where the study's file has
 * the value. */
typedef struct {
  char *key, *value;
  size_t line, column;
} sl_study_set;

/* The key sets of an arm besides the study's own must fit a command line of `sluice train`. */
enum { SL_STUDY_SETS_MAX = 48, SL_STUDY_NAME_MAX = 80, SL_STUDY_SEEDS_MAX = 1000 };
typedef struct {
  sl_study_set *item;
  size_t n;
} sl_study_sets;

#define SL_STUDY_NONE ((size_t)-1)

/* Names in a study's folder, besides those of its arms. */
#define SL_STUDY_WARM_START "warm-start"
#define SL_STUDY_JSON "study.json"
#define SL_STUDY_PAGE "study.html"

/* name is its folder's too. */
typedef struct {
  char name[SL_STUDY_NAME_MAX];
  sl_study_sets sets;
  uint64_t seed_offset;   /* added to run.seed in RL; the warm start stays the seed's */
  char gate[48], tau[48]; /* of a grid: the gate, and "10/12"; "": the arm stands by itself */
  size_t line, column;
} sl_study_arm;

/* Which arms play which part in the findings; SL_STUDY_NONE: none does. */
typedef struct {
  size_t baseline, repeat, shuffled;
  char tau[48];           /* "10/12": that of the gates that are compared with the baseline */
  double format, success; /* thresholds of reward_format, and of held-out success */
} sl_study_roles;

typedef struct {
  char *file, *base, *out;     /* base: the configuration's path */
  size_t out_line, out_column; /* the place of out */
  uint64_t *seed;
  size_t seeds;
  sl_study_sets warm; /* keys of the warm start alone */
  sl_study_arm *arm;
  size_t arms;
  sl_study_roles roles;
} sl_study;

/* SL_ERR_INPUT with file:line:column, SL_ERR_IO, SL_ERR_MEMORY. */
sl_status sl_study_load(sl_study *out, const char *file, sl_error *err);
void sl_study_free(sl_study *study);

/* Replaces the seeds by those of a list: "1,2,5". SL_ERR_USAGE. */
sl_status sl_study_choose_seeds(sl_study *study, const char *list, sl_error *err);

/* SL_ERR_INPUT with "file:line:column: ". */
sl_status sl_study_fail(const sl_study *study, size_t line, size_t column, sl_error *err,
                        const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
