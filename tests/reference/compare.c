/* Plain against reference: error in units of the derived bound. */
#include "compare.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

comparison comparison_of(const char *output, sl_kernel_id kernel) {
  const comparison c = {.output = output, .bound = sl_bound_of_kernel(kernel)};
  return c;
}

static double ratio(double error, double bound) { return error == 0.0 ? 0.0 : error / bound; }

static void compare_one(comparison *c, double got, double exact, sl_ball bound) {
  double r = ratio(fabs(got - exact), bound.rad);
  if (isnan(r)) r = INFINITY;
  if (isinf(bound.rad)) c->unbounded++;
  if (r > c->largest) c->largest = r, c->at = c->n;
  c->walk = fmax(c->walk, ratio(fabs(bound.mid - exact), bound.rad));
  c->sum += r;
  c->n++;
}

void compare_floats(comparison *c, const float *got, const double *exact, const sl_ball *bound,
                    size_t n) {
  for (size_t i = 0; i < n; i++) compare_one(c, (double)got[i], exact[i], bound[i]);
}

void compare_doubles(comparison *c, const double *got, const double *exact, const sl_ball *bound,
                     size_t n) {
  for (size_t i = 0; i < n; i++) compare_one(c, got[i], exact[i], bound[i]);
}

void comparison_end(const comparison *c, double walk_limit) {
  fprintf(stderr, "%-34s error/bound max %.3f mean %.4f of %zu, walk %.1e | %s: %s\n", c->output,
          c->largest, c->sum / (double)c->n, c->n, c->walk, sl_bound_name(c->bound),
          sl_bound_derivation(c->bound));
  cr_expect(c->n > 0, "%s: nothing was compared", c->output);
  cr_expect(c->unbounded == 0, "%s: %zu elements have no bound", c->output, c->unbounded);
  cr_expect(c->largest <= 1.0, "%s: element %zu (of all compared) is %g bounds off", c->output,
            c->at, c->largest);
  cr_expect(c->walk <= walk_limit, "%s: walk and reference are %g bounds apart", c->output,
            c->walk);
}
