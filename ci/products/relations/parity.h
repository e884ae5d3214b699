/* Relation P of a kernel with an order of its own: against plain, within both bounds (spec E3.3).
 */
#ifndef SLUICE_RELATIONS_PARITY_H
#define SLUICE_RELATIONS_PARITY_H

#include "ci/products/equiv/equiv.h"
#include "ci/products/judge/judgement.h"

/* Judges the last run of the trial, of a linear kernel in any order, against the golden run in
 * plain's. SL_ERR_MEMORY. */
sl_status sl_parity_of(sl_judgement *j, sl_kernel_id kernel, const sl_equiv_trial *trial);

#endif
