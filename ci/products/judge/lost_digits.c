/* Balls of both forms of the weight, and where the values lie. */
#include "lost_digits.h"

#include "judgement.h"

#include <stdlib.h>
#include <string.h>

/* The number of the setting of that name. */
static size_t setting(const sl_op *op, const char *name) {
  size_t i = 0;
  while (strcmp(op->setting[i].name, name) != 0) i++;
  return i;
}

/* Gates whose weight has another form under `product`. */
static int has_product(const sl_op_case *c) {
  static const char *const gates[] = {"gate=sigmoid", "gate=softsign"};
  const size_t at = setting(c->op, "gate");
  for (size_t i = 0; i < 2; i++) {
    sl_op_case other = *c;
    if (!sl_op_setting_parse(&other, gates[i], NULL) && other.setting[at] == c->setting[at])
      return 1;
  }
  return 0;
}

static sl_status judge_form(sl_judgement *j, const sl_op_case *c, double form, const double *dlogp,
                            sl_ball *balls, size_t n) {
  sl_op_case other = *c;
  other.setting[setting(c->op, "weight_form")] = form;
  SL_TRY(sl_op_bounds(&other, 0, 0, n, balls, NULL));
  *j = (sl_judgement){0};
  sl_judge(j, c->op->out[0].name, 0, c->contract.out, dlogp, balls, n);
  return SL_OK;
}

sl_status sl_lost_digits(size_t *lost, const sl_op_case *c, const double *dlogp) {
  *lost = 0;
  if (c->op != &sl_op_gated_loss || !has_product(c)) return SL_OK;
  const size_t n = sl_op_count_of(c, &c->op->out[0]);
  sl_ball *balls = malloc(n * sizeof *balls + 1);
  sl_judgement stable, product;
  sl_status status = balls ? SL_OK : SL_ERR_MEMORY;
  if (!status) status = judge_form(&stable, c, 0.0, dlogp, balls, n);
  if (!status) status = judge_form(&product, c, 1.0, dlogp, balls, n);
  if (!status && product.wrong == 0) *lost = stable.wrong;
  free(balls);
  return status;
}
