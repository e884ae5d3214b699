/* P1 to P4 (spec G2.2): exact series at r = 0, 1, the joins and infinity; boxes in between; tail
 * forms beyond. */
#include "prove.h"

#include "prove_limit.h"
#include "prove_maximum.h"
#include "prove_monotone.h"
#include "prove_product.h"
#include "prove_smooth.h"

#include <stdio.h>
#include <string.h>

/* Where no box shows that f' has values, terms may cancel in a divisor: then it helps to write
 * what they cancel to. */
static void hint_at_normal_form(sl_proof *proof, const sl_problem *p) {
  sl_finding *f = &proof->property[0];
  const sl_segment *last = &p->segment[p->joins - 1];
  const sl_ref form = last->form[SL_FORM_WEIGHT];
  char names[SL_GATE_PARAMETER_LIMIT][32], text[120];
  if (f->verdict != SL_UNDECIDED || f->has_candidate || form == SL_NO_REF || form == last->w ||
      proof->open_segment != p->joins - 1)
    return;
  memcpy(names, p->def->param_name, sizeof names);
  if (!sl_tree_print(text, sizeof text, &last->tree, form, names)) return;
  char hint[sizeof text + 60];
  const size_t used = strlen(f->text), size = sizeof f->text - used;
  snprintf(hint, sizeof hint, "; write f' as %s, if it is that%s", text,
           p->joins > 2 ? " far out" : " beyond r = 1");
  if (strlen(hint) < size) memcpy(f->text + used, hint, strlen(hint) + 1);
}

/* More time might settle what is open: the reader should know. */
static void say_time(sl_proof *proof, const sl_budget *budget) {
  for (int i = 0; i < SL_PROPERTIES && sl_time_over(budget); i++)
    sl_finding_out_of_time(&proof->property[i]);
}

void sl_prove(sl_proof *proof, sl_problem *p, sl_budget *budget) {
  const double start = sl_clock_s();
  const long boxes = budget->boxes;
  sl_budget half = *budget; /* P1 leaves time for the others */
  half.deadline_s = start + (budget->deadline_s - start) / 2;
  sl_prove_smooth(proof, p, &half);
  budget->boxes = half.boxes;
  sl_prove_limit(proof, p, budget);
  sl_prove_product(proof, p, budget);
  sl_prove_monotone(proof, p, budget);
  sl_prove_maximum(proof, p, budget);
  hint_at_normal_form(proof, p);
  say_time(proof, budget);
  proof->boxes = budget->boxes - boxes;
  proof->seconds = sl_clock_s() - start;
}
