/* What was found about one property, as text and with its witness. */
#ifndef SLUICE_PROOFS_FINDING_H
#define SLUICE_PROOFS_FINDING_H

#include "problem.h"
#include "witness.h"

typedef enum { SL_PROVED, SL_REFUTED, SL_UNDECIDED } sl_verdict;

/* P1 to P4 make a gate admissible; P4w is reported beside them. */
enum { SL_P4W = 4, SL_PROPERTIES };

/* text: how it was proved, what refutes it, or why it is open. Witness: r and the enclosure, valid
 * where has_witness. */
typedef struct {
  sl_verdict verdict;
  const char *refuted_by; /* as certificates spell it (spec G4.4) */
  int join;               /* of refuted_by = jump and step */
  int strict;             /* of P3 */
  /* P4 is proved by a bound of r f' for all values of the parameters at once: a tail form, whose
   * coefficients are enclosed over the closed box. */
  int uniform;
  int has_witness;
  sl_witness witness;
  int has_candidate; /* UNDECIDED: witness.box is a place of the parameters to look for a witness */
  sl_decimal at[SL_FIELD_PARAMETERS]; /* the parameters of what refutes */
  const char *path; /* of P4 of a gate of two arguments: the second one as r grows; else NULL */
  char text[400];
} sl_finding;

void sl_finding_init(sl_finding *f);
void sl_finding_clear(sl_finding *f);
void sl_finding_copy(sl_finding *to, const sl_finding *from);
void sl_finding_set(sl_finding *f, sl_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds to what is open that the time was used up. */
void sl_finding_out_of_time(sl_finding *f);
/* Keeps the witness and `refuted_by`, with join 0, and says "r = ..., ENCLOSURE". Where parameters
 * have ranges the finding stays UNDECIDED, with a candidate: only a point given by the user's
 * decimals refutes. */
void sl_finding_refute(sl_finding *f, const sl_problem *p, const sl_witness *w,
                       const char *refuted_by, const char *what);

/* The same for a finding whose text and witness are set already. */
void sl_finding_convict(sl_finding *f, const sl_problem *p, const char *refuted_by);

#endif
