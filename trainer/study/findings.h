/* The paper's findings, held against the runs of a study (docs/study.md). */
#ifndef SLUICE_STUDY_FINDINGS_H
#define SLUICE_STUDY_FINDINGS_H

#include "results.h"

/* One comparison of a finding, from a number a seed that is above 0 where the paper is borne
 * out. */
typedef struct {
  char label[200];
  sl_estimate estimate;
  size_t left_out; /* seeds without a number */
  int ratio;       /* of times: the estimate is of their logarithm */
} sl_contrast;

/* The arms that play a part, from the roles of the study's file. */
enum { SL_CONTRASTS_MAX = 16, SL_FINDINGS_MAX = 16 };
typedef struct {
  size_t baseline;                          /* SL_STUDY_NONE: none */
  size_t gate[SL_CONTRASTS_MAX], gates;     /* arms of grids at compare.tau */
  size_t ladder[SL_CONTRASTS_MAX], ladders; /* of the gate with the most taus, ascending */
  size_t main; /* place in the ladder of the one at compare.tau; SL_STUDY_NONE: none */
} sl_study_cast;
sl_study_cast sl_study_find_cast(const sl_study *study);

typedef enum {
  SL_VERDICT_NOT_ASKED,     /* the study has no arms for it */
  SL_VERDICT_NOT_EXERCISED, /* the baseline clips too little or too much for gates to differ */
  SL_VERDICT_UNDECIDED,     /* not decided at this size */
  SL_VERDICT_SEEN,
  SL_VERDICT_OPPOSITE
} sl_verdict;
extern const char *const sl_verdict_words[];

typedef struct {
  const char *key, *claim, *method;
  sl_contrast contrast[SL_CONTRASTS_MAX];
  size_t n;
  int mixed;          /* contrasts have both signs */
  double p, adjusted; /* NAN: there is none */
  sl_verdict verdict;
} sl_finding;

typedef struct {
  sl_finding finding[SL_FINDINGS_MAX];
  size_t n;
} sl_findings;

/* A finding is seen if all of its contrasts lie above 0, opposite if all lie below, each with a
 * probability that is at most 0.05 after Holm's correction over the findings. The largest p of its
 * contrasts is the finding's (the union of their null hypotheses), and 1 if they have both signs.
 * Without three seeds nothing is decided. */
void sl_findings_make(sl_findings *out, const sl_study_results *results);

/* The verdicts from contrasts that are there: the last step of the above. */
void sl_findings_judge(sl_findings *findings, int exercised);

#endif
