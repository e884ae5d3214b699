/* Verifying a gate over the reals: both signs, the range of parameters cut until it is decided,
 * requirements, measures (spec G2). */
#ifndef SLUICE_PROOFS_VERIFY_H
#define SLUICE_PROOFS_VERIFY_H

#include "certificate.h"
#include "measure.h"
#include "options.h"

typedef struct {
  sl_finding property[SL_PROPERTIES];
  sl_finding requirement[SL_GATE_REQUIREMENT_LIMIT];
  sl_measures measures;
  sl_tail_fact tail;
  long boxes;
  int parts; /* boxes of parameters that were proved on their own */
  double seconds;
} sl_side_report;

void sl_verify_side(sl_side_report *report, const sl_gate_definition *def, int positive,
                    const sl_verify_options *options, sl_certificate *certificate);
void sl_side_report_clear(sl_side_report *report);

#endif
