/* The runs of a study: the arguments of each, and how far it is. */
#ifndef SLUICE_STUDY_TABLE_H
#define SLUICE_STUDY_TABLE_H

#include "study.h"
#include "trainer/config/config.h"

#include <sys/types.h>

typedef enum {
  SL_STUDY_FRESH,   /* nothing is there */
  SL_STUDY_BEGUN,   /* a checkpoint is there */
  SL_STUDY_RUNNING, /* a child of this process is at work */
  SL_STUDY_FINISHED,
  SL_STUDY_FAILED,
  SL_STUDY_STOPPED /* by a signal, with a checkpoint */
} sl_study_state;

typedef struct {
  size_t arm;  /* SL_STUDY_NONE: the warm start of the seed */
  size_t seed; /* index of study->seed */
  char *path, *log;
  int64_t steps; /* rollouts; of a warm start 0 */
  sl_study_state state;
  uint64_t log_begin; /* bytes of the log before this start */
  char problem[600];  /* of a failed run: the last error of its log */
  pid_t pid;
} sl_study_run;

/* The warm starts come first, then the arms of the first seed, and so on. */
typedef struct {
  const sl_study *study;
  sl_study_run *run;
  size_t n, warm; /* warm: runs that are warm starts; 0: the base has none */
} sl_study_table;

/* Lists the runs and loads the configuration of each, so that a key or value that a run would
 * refuse is refused here, with its place in the study's file. study must outlive the table. */
sl_status sl_study_table_create(sl_study_table *out, const sl_study *study, sl_error *err);
void sl_study_table_free(sl_study_table *table);

/* "ARM/seed-N" */
void sl_study_run_name(char *out, size_t size, const sl_study_table *table,
                       const sl_study_run *run);

/* The model that a run starts from, freed by the caller; NULL for a warm start, and where the base
 * has none (and where memory is short). */
char *sl_study_first_model(const sl_study_table *table, const sl_study_run *run);

/* --set arguments of a run: those of the file first. model 0: without the warm start's model, which
 * need not be there yet. Freed by sl_study_arguments_free. */
enum { SL_STUDY_ARGUMENTS_MAX = SL_STUDY_SETS_MAX + 8 };
typedef struct {
  char *item[SL_STUDY_ARGUMENTS_MAX];
  size_t n;
} sl_study_arguments;
sl_status sl_study_arguments_make(sl_study_arguments *out, const sl_study_table *table,
                                  const sl_study_run *run, int model, sl_error *err);
void sl_study_arguments_free(sl_study_arguments *arguments);

/* A run's configuration; an error has the place in the study's file, or in the base. */
sl_status sl_study_run_config(sl_config *out, const sl_study_table *table, const sl_study_run *run,
                              int model, sl_error *err);
/* An error of the run with that place. */
sl_status sl_study_place_error(const sl_study_table *table, const sl_study_run *run,
                               const sl_error *inner, sl_error *err);

/* Checks what `train --dry-run` checks, of every arm: data, gate, memory. Where a run's folder is
 * there, finds how far it is and refuses a run that the study's file has changed, with the key:
 * SL_ERR_MISMATCH. Waits up to ten seconds for runs that a killed study left behind. */
sl_status sl_study_check(sl_study_table *table, sl_error *err);

#endif
