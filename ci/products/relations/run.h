/* The relations I, A and P of Sluice's own kernels, on every backend that is here (spec E3). */
#ifndef SLUICE_RELATIONS_RUN_H
#define SLUICE_RELATIONS_RUN_H

#include "kernel_balls.h"

#include "ci/products/judge/controls.h"
#include "ci/products/judge/outcome.h"

/* Changes when the same seed gives other problems (spec E5.4). */
#define SL_EQUIV_GENERATOR 1

enum { SL_RUN_BACKENDS = 8, SL_RUN_KINDS = 7 };

typedef struct {
  const char *backend; /* NULL: all that are here */
  sl_isa isa;          /* of the cpu backend; SL_ISA_BEST: each that this CPU has */
  unsigned char wanted[SL_KERNEL_COUNT];
  int some; /* 0: all kernels */
  uint64_t seed;
  size_t cases;        /* problems of each kernel on each backend */
  double seconds;      /* above 0: instead of cases, for all kernels together */
  unsigned relations;  /* bit r: relation r is tried */
  size_t shrink;       /* 0: as the backend's speed allows */
  const char *shape;   /* NAME=SIZE,...; NULL: sizes are drawn */
  int explain;         /* rows say how the bound of their worst element is made */
  const char *program; /* what repeats a problem: "sluice equiv" */
} sl_run_request;

/* A kernel on a backend. */
typedef struct {
  sl_kernel_id kernel;
  char backend[48];
  sl_op_outcomes outcomes;
  sl_outcome outcome;
  size_t problems, said; /* said: with an output that is not 0 */
  sl_judgement accuracy;
  sl_control_tally tally[SL_RUN_KINDS];
  int scale; /* power: spec E4.3 */
  size_t terms, terms_rejected, masks, masks_rejected;
  uint64_t seed, last;   /* of the first and the last problem */
  char shape[240];       /* of the last problem, or of the one that failed */
  char message[1000];    /* what is different or inconclusive */
  char replay[320];      /* the line that repeats it */
  char derivation[1200]; /* with the numbers of the worst element; empty unless asked for */
  double seconds;
} sl_run_row;

typedef void sl_run_visitor(void *arg, const sl_run_row *row);

/* Calls `each` for every kernel and backend in turn. *skipped: backends that were asked for, or
 * that this build knows, and that are not here. SL_ERR_USAGE, SL_ERR_UNAVAILABLE where the backend
 * that is asked for is not in this build or on this machine; SL_ERR_MEMORY. */
sl_status sl_run(const sl_run_request *request, sl_run_visitor *each, void *arg, size_t *skipped,
                 sl_error *err);

const char *sl_run_kind_name(size_t kind);

#endif
