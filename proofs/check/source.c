/* The expression of a side, or of a requirement, from its text (spec G4.2). */
#include "context.h"
#include "derive.h"

#include <string.h>

/* left - right over the expression that holds f and f'. */
static int difference(const source_t *s, mpq_t *value, const int *fixed, expr_t *e, int f, int w) {
  int where;
  e->f = f, e->w = w;
  const int left = slc_expr_parse(e, s->left, value, fixed, &where),
            right = left < 0 ? -1 : slc_expr_parse(e, s->right, value, fixed, &where);
  return right < 0 ? -1 : slc_expr_add(e, E_SUB, left, right, -1, -1);
}

/* The values that stand for parameters, and which do. */
static void bind(const source_t *s, const mpq_t *at, expr_t *e, mpq_t *value, int *fixed) {
  e->params = s->params;
  memcpy(e->names, s->names, sizeof e->names);
  for (int i = 0; i < MAX_PARAMS; i++) {
    fixed[i] = at || !s->ranged[i];
    mpq_init(value[i]);
    mpq_set(value[i], s->ranged[i] && at ? at[i] : s->value[i]);
  }
}

int slc_source_parse(const source_t *s, const mpq_t *at, expr_t *e, int *f, int *w) {
  mpq_t value[MAX_PARAMS];
  int fixed[MAX_PARAMS], where;
  slc_expr_init(e);
  bind(s, at, e, value, fixed);
  const int root = slc_expr_parse(e, s->text, value, fixed, &where);
  *f = s->weight ? -1 : root;
  *w = root < 0 || s->weight ? root : slc_expr_derive(e, root);
  if (*w >= 0 && s->left) {
    *w = difference(s, value, fixed, e, *f, *w);
    *f = -1;
  }
  for (int i = 0; i < MAX_PARAMS; i++) mpq_clear(value[i]);
  return *w >= 0;
}

int slc_source_term(const source_t *s, const mpq_t *at, expr_t *e, const char *text) {
  mpq_t value[MAX_PARAMS];
  int fixed[MAX_PARAMS], where;
  bind(s, at, e, value, fixed);
  const int ref = slc_expr_parse(e, text, value, fixed, &where);
  for (int i = 0; i < MAX_PARAMS; i++) mpq_clear(value[i]);
  return ref;
}
