/* What the runs of a study measured. */
#ifndef SLUICE_STUDY_RESULTS_H
#define SLUICE_STUDY_RESULTS_H

#include "statistics.h"
#include "study_table.h"
#include "trainer/report/run_curves.h"

/* Measures of a run, NAN where it has none; a time that was not reached is INFINITY. */
typedef enum {
  SL_MEASURE_REWARD,        /* mean of all rollouts: how fast it rises */
  SL_MEASURE_REWARD_LATE,   /* mean of the last tenth */
  SL_MEASURE_SUCCESS,       /* held-out, after training */
  SL_MEASURE_EUR,           /* mean of all updates but the first of a rollout */
  SL_MEASURE_CLIP_RATIO,    /* of the last update of a rollout */
  SL_MEASURE_ENTROPY,       /* mean of all rollouts */
  SL_MEASURE_ENTROPY_EARLY, /* mean of the first tenth */
  SL_MEASURE_ENTROPY_LATE,  /* mean of the last tenth */
  SL_MEASURE_FORMAT_TIME,   /* rollouts until reward_format reaches compare.format */
  SL_MEASURE_SUCCESS_TIME,  /* rollouts until held-out success reaches compare.success */
  SL_MEASURE_COUNT
} sl_measure;

/* key: of JSON; label and unit: of the page. decimals: of its table. */
typedef struct {
  const char *key, *label, *unit;
  int decimals;
} sl_measure_row;
extern const sl_measure_row sl_measure_rows[SL_MEASURE_COUNT];

typedef struct {
  int present; /* the run is finished, and was read */
  sl_run_curves curves;
  double measure[SL_MEASURE_COUNT];
  char *gate;                  /* as sl_gate_load takes it */
  sl_config_values parameters; /* where A > 0 */
  double eur_target;           /* of gate.schedule eur; NAN: another schedule */
} sl_study_result;

typedef struct {
  const sl_study_table *table;
  sl_study_result *result; /* one a run of the table */
  double clip_ratio;       /* of the baseline's last updates, over its seeds; NAN: no baseline */
  int exercised;           /* that lies from 2 to 20 % */
} sl_study_results;

/* The range of the baseline's clip ratio in which gates can differ. */
#define SL_STUDY_CLIP_LOW 0.02
#define SL_STUDY_CLIP_HIGH 0.20

/* Reads the finished runs. SL_ERR_INPUT, SL_ERR_IO, SL_ERR_MEMORY. */
sl_status sl_study_results_read(sl_study_results *out, const sl_study_table *table, sl_error *err);
void sl_study_results_free(sl_study_results *results);

/* The result of an arm under a seed (its index); NULL: it has not finished. */
const sl_study_result *sl_study_result_of(const sl_study_results *results, size_t arm, size_t seed);
/* A measure of it; NAN. */
double sl_study_measure_of(const sl_study_results *results, size_t arm, size_t seed, sl_measure m);
/* Over the seeds; of times, those that were reached: *censored counts the others (may be NULL). */
sl_estimate sl_study_estimate(const sl_study_results *results, size_t arm, sl_measure m,
                              size_t *censored);
/* Differences of two arms, paired by seed. */
sl_estimate sl_study_difference(const sl_study_results *results, size_t arm, size_t from,
                                sl_measure m);
/* A metric of RL (kind "step" or "evaluation") against the rollout, averaged over the seeds that
 * have it; *n points, x and y freed by the caller (both NULL if there are none). SL_ERR_MEMORY. */
sl_status sl_study_mean_curve(double **x, double **y, size_t *n, const sl_study_results *results,
                              size_t arm, const char *kind, const char *key, sl_error *err);

#endif
