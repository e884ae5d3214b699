/* Gates of two arguments (spec G1.7, G2.4): the ratio r and the token's probability p under the old
 * policy, over 0 < p <= 1, 0 <= r <= 1/p. */
#ifndef SLUICE_VERIFY_TWO_H
#define SLUICE_VERIFY_TWO_H

#include "float_check.h"
#include "proofs/prover/verify.h"

/* P1 to P4 of a side. The prover's claims are about every p of [0, 1] and every r >= 0, which is
 * more than is asked; so are those of the certificate. What it refutes counts only inside the
 * region: at values of p that are listed, and for P4 along curves p(r) that lie in it. */
void sl_verify_two(sl_side_report *report, const sl_gate_definition *def, int positive,
                   const sl_verify_options *options, sl_certificate *certificate);

#endif
