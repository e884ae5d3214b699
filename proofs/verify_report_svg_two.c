/* The picture of a gate of two arguments (spec G1.7): f' and r f' on [0, 4] as a family of curves,
 * one for each of a few p, up to r = 1/p, with the witnesses of P1 to P3 that lie there. */
#include "verify_report_svg.h"

#include "kernels/support/plot.h"
#include "verify_run.h"

#include <math.h>
#include <stdio.h>

enum { POINTS = 801, CURVES = 5, PANELS = 4 };
static const double NEAR = 4, MOST = 5; /* above it a curve would flatten the others */
static const sl_decimal old_values[CURVES] = {{1, -2}, {1, -1}, {2, -1}, {5, -1}, {8, -1}};

typedef struct {
  double r[POINTS], w[CURVES][POINTS], e[CURVES][POINTS];
  char label[CURVES][48], title[2][80], mark_label[3][48];
  sl_plot_curve curve[2][CURVES];
  sl_plot_mark mark[3];
} family;

static double drawn(double y) { return fabs(y) <= MOST ? y : (double)NAN; }

/* Curve i of the side; 0 where the gate cannot be loaded at its p. */
static int fill_curve(family *f, const sl_verified *v, int s, int i) {
  sl_verified at;
  sl_error err;
  double unused[POINTS];
  const double most = 1 / sl_decimal_to_double(old_values[i]);
  if (sl_verified_at(&at, v, old_values[i], &err)) return 0;
  sl_gate_evaluate64(at.def, s, f->r, unused, f->w[i], POINTS);
  sl_gate_definition_free(at.def);
  for (int k = 0; k < POINTS; k++) {
    f->e[i][k] = drawn(f->r[k] <= most ? f->r[k] * f->w[i][k] : (double)NAN);
    f->w[i][k] = drawn(f->r[k] <= most ? f->w[i][k] : (double)NAN);
  }
  char value[24];
  sl_decimal_print(value, sizeof value, old_values[i]);
  snprintf(f->label[i], sizeof f->label[i], "%s = %s", v->def->param[v->def->old].name, value);
  f->curve[0][i] = (sl_plot_curve){f->label[i], f->r, f->w[i], POINTS, 0};
  f->curve[1][i] = (sl_plot_curve){f->label[i], f->r, f->e[i], POINTS, 0};
  return 1;
}

/* The witnesses at which f' can be drawn, each at its own p. */
static size_t add_marks(family *f, const sl_verified *v, int s) {
  size_t marks = 0;
  for (int k = 0; k < 3; k++) {
    const sl_finding *found = &v->report.side[s].property[k];
    const double r = arf_get_d(found->witness.r, ARF_RND_NEAR);
    double unused, w;
    sl_verified at;
    sl_error err;
    if (!found->has_witness || r > NEAR || sl_verified_at(&at, v, found->at[v->def->old], &err))
      continue;
    sl_gate_evaluate64(at.def, s, &r, &unused, &w, 1);
    sl_gate_definition_free(at.def);
    if (!isfinite(drawn(w))) continue;
    snprintf(f->mark_label[k], sizeof f->mark_label[k], "P%d, %s = %.3g", k + 1,
             v->def->param[v->def->old].name, sl_decimal_to_double(found->at[v->def->old]));
    f->mark[marks++] = (sl_plot_mark){r, w, f->mark_label[k]};
  }
  return marks;
}

static int add_side(sl_plot_panel *panel, family *f, const sl_verified *v, int s) {
  const char *const old = v->def->param[v->def->old].name;
  for (int k = 0; k < POINTS; k++) f->r[k] = NEAR * k / (POINTS - 1);
  for (int i = 0; i < CURVES; i++)
    if (!fill_curve(f, v, s, i)) return 0;
  for (int k = 0; k < 2; k++) {
    snprintf(f->title[k], sizeof f->title[k], "%s: %s, up to r = 1/%s", sl_side_name(&v->report, s),
             k ? "r f'" : "f'", old);
    panel[k] = (sl_plot_panel){.title = f->title[k],
                               .x_label = "importance ratio r",
                               .curve = f->curve[k],
                               .curves = CURVES,
                               .low = (double)NAN,
                               .high = (double)NAN,
                               .only_at_edge = 1};
  }
  panel[0].mark = f->mark, panel[0].marks = add_marks(f, v, s);
  return 2;
}

void sl_report_svg_two(FILE *out, const char *title, const char *below, const sl_verified *v) {
  static family f[2];
  sl_plot_panel panel[PANELS];
  size_t panels = 0;
  for (int s = 1; s >= 0; s--)
    if (v->report.sides >> s & 1) panels += (size_t)add_side(panel + panels, &f[s], v, s);
  sl_plot_write(out, title, below, panel, panels, 2);
}
