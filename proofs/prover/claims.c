/* Lists of claims (see claims.h). */
#include "claims.h"

#include <stdlib.h>

void sl_claims_init(sl_claim_list *list) { *list = (sl_claim_list){.count = 0}; }

void sl_claims_truncate(sl_claim_list *list, size_t count) {
  while (list->count > count) {
    sl_claim *c = &list->claim[--list->count];
    arf_clear(c->low), arf_clear(c->high);
    _arb_vec_clear(c->box, SL_FIELD_PARAMETERS);
  }
  while (list->region_count &&
         list->region[list->region_count - 1].first + list->region[list->region_count - 1].count >
             count) {
    sl_region *g = &list->region[--list->region_count];
    arf_clear(g->low), arf_clear(g->high);
  }
}
void sl_claims_clear(sl_claim_list *list) {
  sl_claims_truncate(list, 0);
  free(list->claim);
  free(list->region);
  sl_claims_init(list);
}

void sl_claims_add(sl_claim_list *list, int segment, sl_goal goal, slong order, const arf_t low,
                   const arf_t high, arb_srcptr box) {
  if (list->count == list->capacity) {
    list->capacity = list->capacity ? 2 * list->capacity : 64;
    list->claim = realloc(list->claim, list->capacity * sizeof *list->claim);
    if (!list->claim) flint_abort(); /* as FLINT itself does */
  }
  sl_claim *c = &list->claim[list->count++];
  *c = (sl_claim){
      .segment = segment, .goal = goal, .order = order, .box = _arb_vec_init(SL_FIELD_PARAMETERS)};
  arf_init(c->low), arf_init(c->high);
  arf_set(c->low, low), arf_set(c->high, high);
  _arb_vec_set(c->box, box, SL_FIELD_PARAMETERS);
}

void sl_claims_region(sl_claim_list *list, int segment, sl_goal goal, slong order, const arf_t low,
                      const arf_t high, size_t first) {
  if (list->region_count == list->region_capacity) {
    list->region_capacity = list->region_capacity ? 2 * list->region_capacity : 16;
    list->region = realloc(list->region, list->region_capacity * sizeof *list->region);
    if (!list->region) flint_abort();
  }
  sl_region *g = &list->region[list->region_count++];
  *g = (sl_region){.segment = segment,
                   .goal = goal,
                   .order = order,
                   .first = first,
                   .count = list->count - first};
  arf_init(g->low), arf_init(g->high);
  arf_set(g->low, low), arf_set(g->high, high);
}
