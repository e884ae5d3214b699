/* A run bound to a certificate of its gate (spec G6). */
#ifndef SLUICE_GATE_CERTIFICATE_H
#define SLUICE_GATE_CERTIFICATE_H

#include "state_digest.h"

#include "trainer/config/config.h"

#include <sluice/gate.h>

/* The gate of a run: definition is NULL for a family of O2. tau are the least and the most that a
 * schedule lets a kernel's tau be, by sign; where there is none both are the gate's. */
typedef struct {
  const sl_gate *gate;
  const sl_gate_definition *definition;
  float least_tau[2], most_tau[2];
} sl_bound_gate;

/* Checks gate.certificate: P1 to P4 and all requirements proved, for both signs, of this gate, for
 * every parameter that it may have. digest: the certificate's own; "" where the key is empty.
 * Errors have the place of the key. */
sl_status sl_gate_certificate_check(char digest[SL_DIGEST_TEXT], const sl_config *config,
                                    const sl_bound_gate *bound, sl_error *err);

#endif
