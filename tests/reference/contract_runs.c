/* Kernels run against bounds. */
#include "contract_runs.h"

#include <criterion/criterion.h>
#include <stdio.h>

void run_output(const sl_op_case *c, int out, const char *what, arrangement end, run_tally *t) {
  size_t n, at, unbounded;
  const sl_ball *balls = bounds_of(c, out, &n);
  double *x = take_doubles(n);
  for (int sum = 0; sum < (int)end; sum++)
    for (int form = 0; form < 8; form++) {
      if (!kernel_may(&c->contract, (arrangement)sum)) continue;
      const kernel k = {&c->contract, (arrangement)sum, (form + sum) % 3 - 1, form};
      kernel_run(&k, c, out, x);
      const double share = share_of(x, balls, n, &at, &unbounded);
      char text[SL_CONTRACT_TEXT];
      sl_contract_print(text, &c->contract, c->op->stored);
      sl_ball one;
      if (share > 1.0) sl_op_bounds(c, out, at, at + 1, &one, stderr);
      cr_assert(share <= 1.0, "%s[%zu], %s; %s, arrangement %d, form %d: %a is %g bounds off %a",
                c->op->out[out].name, at, what, text, sum, form, x[at], share, balls[at].mid);
      if (share > t->largest) t->largest = share;
      t->runs++, t->unbounded += unbounded, t->elements += n;
    }
}

double beyond(const sl_op_case *right, const sl_op_case *wrong, int out, arrangement sum,
              int form) {
  size_t n, at, unbounded;
  const kernel k = {&wrong->contract, sum, 1, form};
  const sl_ball *balls = bounds_of(right, out, &n);
  double *x = take_doubles(n);
  kernel_run(&k, wrong, out, x);
  return share_of(x, balls, n, &at, &unbounded);
}
