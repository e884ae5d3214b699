/* Writing certificates (spec G4). */
#ifndef SLUICE_PROOFS_CERTIFICATE_H
#define SLUICE_PROOFS_CERTIFICATE_H

#include "proof.h"

/* A certificate being written (spec G4); NULL in place of one writes none. */
typedef struct sl_certificate sl_certificate;
sl_status sl_certificate_open(sl_certificate **out, const char *path, const sl_gate_definition *def,
                              sl_error *err);
/* cell: all of the side's parameters. */
void sl_certificate_side(sl_certificate *c, int positive, const sl_cell *cell);
void sl_certificate_part(sl_certificate *c, const sl_proof *proof, sl_problem *p);
/* A requirement of the side, over its own values of the parameters: it follows from P2, or parts
 * are to come. */
void sl_certificate_requirement(sl_certificate *c, const sl_gate_requirement *q,
                                const sl_cell *cell, int follows);
void sl_certificate_requirement_part(sl_certificate *c, const sl_proof *proof, sl_problem *p);
sl_status sl_certificate_close(sl_certificate *c,
                               sl_error *err); /* seals and writes; c may be NULL */

#endif
