/* What the known wrong forms of the loss change (spec E8.1): all of it is the right loss where the
 * case has no cause. Internal. */
#ifndef SLUICE_CONTRACT_LOSS_WRONG_H
#define SLUICE_CONTRACT_LOSS_WRONG_H

#include "cause.h"
#include "loss_gate.h"
#include "loss_settings.h"

/* 1 if slot i is a token; and if it is summed, which a wrong loss may do without it. */
double sl_loss_mask(const sl_op_case *c, size_t i);
int sl_loss_is_on(const sl_op_case *c, size_t i);

/* What a sequence of n tokens adds to the number of tokens. */
double sl_loss_counted(const sl_op_case *c, size_t s, double n);

/* The coefficient: times / (all own). */
typedef struct {
  double all, own, times;
} sl_loss_share;
void sl_loss_wrong_share(sl_loss_share *share, const sl_op_case *c, size_t s);

void sl_loss_wrong_gate(sl_loss_gate *gate, const sl_op_case *c);
sl_ball sl_loss_wrong_advantage(const sl_op_case *c, const sl_arith *r, sl_ball a, double tokens);
/* 1 if a term has the weights of another sampler as a factor: that of the policy, or of KL. */
int sl_loss_is_weighted(const sl_op_case *c, int of_kl);
double sl_loss_wrong_gamma(const sl_op_case *c, double gamma);

#endif
