/* Outcomes and exit codes (spec E3.4, E5.1). */
#include "outcome.h"

#include "kernels/support/cli.h"

const char *sl_relation_name(sl_relation r) {
  static const char *const names[] = {"I invariance", "A accuracy", "P parity"};
  return names[r];
}

const char *sl_outcome_name(sl_outcome o) {
  static const char *const names[] = {"equal", "different", "inconclusive", "skipped"};
  return names[o];
}

sl_outcome sl_outcome_of_op(const sl_op_outcomes *o) {
  int skipped = 1, inconclusive = 0;
  for (int r = 0; r < SL_RELATIONS; r++) {
    if (o->of[r] == SL_OUTCOME_DIFFERENT) return SL_OUTCOME_DIFFERENT;
    skipped &= o->of[r] == SL_OUTCOME_SKIPPED;
    inconclusive |= o->of[r] == SL_OUTCOME_INCONCLUSIVE;
  }
  if (skipped) return SL_OUTCOME_SKIPPED;
  if (inconclusive || o->of[SL_RELATION_A] != SL_OUTCOME_EQUAL) return SL_OUTCOME_INCONCLUSIVE;
  return SL_OUTCOME_EQUAL;
}

int sl_outcomes_exit(const sl_outcome *ops, size_t n, int require) {
  size_t count[4] = {0};
  for (size_t i = 0; i < n; i++) count[ops[i]]++;
  if (count[SL_OUTCOME_DIFFERENT] || (require && (count[SL_OUTCOME_SKIPPED] || n == 0)))
    return SL_EXIT_FAILED;
  if (count[SL_OUTCOME_INCONCLUSIVE]) return SL_EXIT_UNDECIDED;
  return count[SL_OUTCOME_EQUAL] ? SL_EXIT_OK : SL_EXIT_SKIPPED;
}
