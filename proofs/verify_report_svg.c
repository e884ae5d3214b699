/* The picture of a report: f, f', r f', with the witnesses marked. */
#include "verify_report.h"

#include "kernels/support/plot.h"

#include <math.h>

enum { POINTS = 801 };

static double last_witness(const sl_side_report *d) {
  double far = 0;
  for (int i = 0; i < 4; i++)
    if (d->property[i].has_witness)
      far = fmax(far, arf_get_d(d->property[i].witness.r, ARF_RND_NEAR));
  return far;
}

void sl_report_svg(FILE *out, const sl_report *r) {
  static double x[2][POINTS], f[2][POINTS], w[2][POINTS], e[2][POINTS];
  static const char *const labels[] = {"P1", "P2", "P3", "P4"};
  sl_plot_curve curve[2][3];
  sl_plot_mark mark[2][4];
  sl_plot_panel panel[2];
  size_t panels = 0;
  for (int s = 1; s >= 0; s--) {
    if (!(r->sides >> s & 1)) continue;
    const sl_side_report *d = &r->side[s];
    const double top = fmin(fmax(4, 1.25 * last_witness(d)), 1e7), one = 1;
    double at_one, unused;
    for (int i = 0; i < POINTS; i++) x[s][i] = top * i / (POINTS - 1);
    sl_gate_evaluate64(r->def, s, x[s], f[s], w[s], POINTS);
    sl_gate_evaluate64(r->def, s, &one, &at_one, &unused, 1);
    for (int i = 0; i < POINTS; i++) {
      f[s][i] = top > 100 ? (double)NAN : f[s][i] - at_one;
      e[s][i] = top > 100 ? (double)NAN : x[s][i] * w[s][i];
      if (fabs(f[s][i]) > 5) f[s][i] = (double)NAN;
      if (fabs(w[s][i]) > 5) w[s][i] = (double)NAN;
      if (fabs(e[s][i]) > 5) e[s][i] = (double)NAN;
    }
    curve[s][0] = (sl_plot_curve){"f - f(1)", x[s], f[s], POINTS, 0};
    curve[s][1] = (sl_plot_curve){"f'", x[s], w[s], POINTS, 0};
    curve[s][2] = (sl_plot_curve){"r f'", x[s], e[s], POINTS, 0};
    panel[panels] = (sl_plot_panel){.title = sl_side_name(r, s),
                                    .x_label = "importance ratio r",
                                    .curve = curve[s],
                                    .curves = 3,
                                    .mark = mark[s]};
    for (int i = 0; i < 4; i++) {
      if (!d->property[i].has_witness) continue;
      const double at = arf_get_d(d->property[i].witness.r, ARF_RND_NEAR);
      double value, weight;
      sl_gate_evaluate64(r->def, s, &at, &value, &weight, 1);
      mark[s][panel[panels].marks++] = (sl_plot_mark){at, isfinite(weight) ? weight : 0, labels[i]};
    }
    panels++;
  }
  char title[200];
  snprintf(title, sizeof title, "%s: %s", r->def->name, sl_verdict_name(sl_report_verdict(r)));
  sl_plot_write(out, title, NULL, panel, panels, panels);
}
