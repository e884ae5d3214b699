/* A gate's whole verification over the reals: both signs, the range of parameters cut until it is
 * decided, requirements, measures (spec G2). */
#ifndef SLUICE_PROOFS_VERIFY_H
#define SLUICE_PROOFS_VERIFY_H

#include "prove.h"

#include <stdio.h>

typedef struct {
  unsigned ranged; /* bit i: parameter i has the range low[i] to high[i] */
  sl_decimal low[SL_FIELD_PARAMETERS], high[SL_FIELD_PARAMETERS];
  double seconds; /* for each side */
  long boxes;     /* for each side */
} sl_verify_options;

/* Rigorous numbers for fixed parameters; each is an enclosure, indeterminate where it was not
 * found. */
typedef struct {
  arb_t f_low, f_high;          /* inf and sup of f: f(0) and the limit, where f' >= 0 */
  int f_bounded;                /* 1 yes, 0 no, -1 not known */
  arb_t effective;              /* sup of r f'(r) */
  double effective_at;          /* where it is nearly reached; INFINITY: only as r -> inf */
  arb_t half_below, half_above; /* where f' = 1/2 */
  int has_half_below;
} sl_measures;

typedef struct {
  sl_finding property[4];
  sl_finding requirement[SL_GATE_REQUIREMENT_LIMIT];
  sl_measures measures;
  sl_tail_fact tail;
  long boxes;
  int parts; /* boxes of parameters that were proved on their own */
  double seconds;
} sl_side_report;

/* A certificate being written (spec G4); NULL in place of one writes none. */
typedef struct sl_certificate sl_certificate;
sl_status sl_certificate_open(sl_certificate **out, const char *path, const sl_gate_definition *def,
                              const sl_verify_options *options, sl_error *err);
void sl_certificate_side(sl_certificate *c, int positive);
void sl_certificate_part(sl_certificate *c, const sl_proof *proof, sl_problem *p);
sl_status sl_certificate_close(sl_certificate *c,
                               sl_error *err); /* seals and writes; c may be NULL */

void sl_verify_side(sl_side_report *report, const sl_gate_definition *def, int positive,
                    const sl_verify_options *options, sl_certificate *certificate);
void sl_side_report_clear(sl_side_report *report);

void sl_measure(sl_measures *m, const sl_proof *proof, sl_problem *p, sl_budget *budget);
void sl_measures_init(sl_measures *m);
void sl_measures_clear(sl_measures *m);

#endif
