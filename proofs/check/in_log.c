/* See in_log.h. */
#include "in_log.h"

#include <stdlib.h>

static int is_one(const expr_t *e, int i) {
  return e->node[i].op == E_NUM && mpq_cmp_ui(e->node[i].q, 1, 1) == 0;
}

/* r, or 1 + (r - 1): forms are written so, and in s the ones would only nearly cancel. */
static int is_r(const expr_t *e, int i) {
  const node_t *n = &e->node[i];
  if (n->op != E_ADD || !is_one(e, n->a)) return n->op == E_R;
  const node_t *m = &e->node[n->b];
  return m->op == E_SUB && e->node[m->a].op == E_R && is_one(e, m->b);
}

int slc_in_log(expr_t *to, const expr_t *from, int ref, int minus, int *r) {
  int *map = calloc((size_t)ref + 1, sizeof *map), ok = 1;
  char *live = slc_expr_live(from, ref);
  if (!map) abort();
  int s = slc_expr_add(to, E_R, -1, -1, -1, -1);
  if (minus) s = slc_expr_add(to, E_NEG, s, -1, -1, -1);
  *r = slc_expr_add(to, E_EXP, s, -1, -1, -1);
  for (int i = 0; i <= ref && ok; i++) {
    const node_t *n = &from->node[i];
    if (!live[i]) continue;
    if (is_r(from, i))
      map[i] = *r;
    else if (n->op == E_LOG && is_r(from, n->a))
      map[i] = s;
    else
      map[i] = slc_expr_copy(to, n, map);
    ok = map[i] >= 0;
  }
  const int root = ok ? map[ref] : -1;
  free(map), free(live);
  return root;
}

long slc_log_exponent(long e) { /* 9/13 < log 2 */
  long k = -1;
  while ((13L << (k + 1)) <= 9 * e) k++;
  return k;
}
