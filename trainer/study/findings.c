/* From contrasts to verdicts. */
#include "findings.h"

#include <math.h>

const char *const sl_verdict_words[] = {"no arms for it", "gates not exercised",
                                        "not decided at this size", "seen", "opposite"};

/* The union-intersection of the contrasts: all must be decided, on one side. */
static void combine(sl_finding *f, int *side) {
  size_t above = 0, below = 0, known = 0;
  double largest = 0;
  for (size_t i = 0; i < f->n; i++) {
    const sl_estimate *e = &f->contrast[i].estimate;
    if (isnan(e->p)) continue;
    known++;
    above += e->mean > 0, below += e->mean < 0;
    largest = fmax(largest, e->p);
  }
  f->p = f->adjusted = (double)NAN;
  f->mixed = above > 0 && below > 0;
  *side = 0;
  if (f->n == 0 || known < f->n) return;
  *side = above == f->n ? 1 : below == f->n ? -1 : 0;
  f->p = *side ? largest : 1.0;
}

void sl_findings_judge(sl_findings *all, int exercised) {
  double p[SL_FINDINGS_MAX] = {0}, adjusted[SL_FINDINGS_MAX];
  int side[SL_FINDINGS_MAX];
  size_t place[SL_FINDINGS_MAX], n = 0;
  for (size_t i = 0; i < all->n; i++) {
    combine(&all->finding[i], &side[i]);
    if (!isnan(all->finding[i].p)) place[n] = i, p[n++] = all->finding[i].p;
  }
  sl_holm(adjusted, p, n);
  for (size_t k = 0; k < n; k++) all->finding[place[k]].adjusted = adjusted[k];
  for (size_t i = 0; i < all->n; i++) {
    sl_finding *f = &all->finding[i];
    if (f->n == 0)
      f->verdict = SL_VERDICT_NOT_ASKED;
    else if (!exercised)
      f->verdict = SL_VERDICT_NOT_EXERCISED;
    else if (side[i] && f->adjusted <= 0.05)
      f->verdict = side[i] > 0 ? SL_VERDICT_SEEN : SL_VERDICT_OPPOSITE;
    else
      f->verdict = SL_VERDICT_UNDECIDED;
  }
}
