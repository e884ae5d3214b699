/* The picture of a report: f, f' and r f' on [0, 4] with the witnesses marked, and f' alone around
 * each witness that is not seen there: one further out, or one too small. */
#include "verify_report.h"

#include "kernels/support/plot.h"

#include "proofs/prover/place.h"

#include <math.h>

enum { HALVINGS = 40, POINTS = 801, ZOOMS = 4, PANELS = 2 * (1 + ZOOMS) };
static const double NEAR = 4;
/* A step, a rise or an excess of less than this part of a picture's height is not seen. */
static const double VISIBLE = 0.03;

typedef struct {
  double x[POINTS], f[POINTS], w[POINTS], e[POINTS];
  sl_plot_curve curve[3];
  sl_plot_mark mark[SL_P4W];
  char title[2 * SL_PLACE_TEXT], x_label[SL_PLACE_TEXT], label[SL_PLACE_TEXT];
} panel_data;

typedef struct {
  const sl_report *report;
  panel_data data[PANELS];
  sl_plot_panel panel[PANELS];
  size_t panels;
} picture;

static double place_of(const sl_finding *f) { return arf_get_d(f->witness.r, ARF_RND_NEAR); }

static double weight_at(const sl_report *r, int s, double at) {
  double value, weight;
  sl_gate_evaluate64(r->def, s, &at, &value, &weight, 1);
  return isfinite(weight) ? weight : 0;
}

/* What cannot be drawn, and what would flatten all else, breaks the line. */
static void leave_out(double *y, double most) {
  for (int i = 0; i < POINTS; i++)
    if (!(fabs(y[i]) <= most)) y[i] = (double)NAN;
}

/* The largest deviation from what property k asks for among the points, as a part of the range of
 * f' there: for P1 the largest step, for P2 the excess over 1, for P3 the largest way back. */
static double visibility(const double *x, const double *w, int k) {
  double low = INFINITY, high = -INFINITY, most = 0, extreme = NAN;
  for (int i = 0; i < POINTS; i++) {
    if (!isfinite(w[i])) continue;
    low = fmin(low, w[i]), high = fmax(high, w[i]);
    if (k == 0 && i && isfinite(w[i - 1])) most = fmax(most, fabs(w[i] - w[i - 1]));
    if (k == 1) most = fmax(most, w[i] - 1);
    if (k != 2) continue;
    const double along = x[i] <= 1 ? w[i] : -w[i]; /* rises up to r = 1 and after it, as -f' */
    if (i && (x[i] > 1) != (x[i - 1] > 1)) extreme = NAN;
    extreme = fmax(isnan(extreme) ? along : extreme, along);
    most = fmax(most, extreme - along);
  }
  return high > low ? most / (high - low) : 0;
}

static void sample(const sl_report *r, int s, panel_data *d, double low, double high) {
  for (int i = 0; i < POINTS; i++) d->x[i] = low + (high - low) * i / (POINTS - 1);
  sl_gate_evaluate64(r->def, s, d->x, d->f, d->w, POINTS);
}

/* f, f' and r f' on [0, 4], f as f - f(1), which moves no gradient. */
static void add_overview(picture *p, int s) {
  const sl_report *r = p->report;
  panel_data *d = &p->data[p->panels];
  sl_plot_panel *panel = &p->panel[p->panels++];
  const double one = 1;
  double at_one, unused;
  sample(r, s, d, 0, NEAR);
  sl_gate_evaluate64(r->def, s, &one, &at_one, &unused, 1);
  for (int i = 0; i < POINTS; i++) d->f[i] -= at_one, d->e[i] = d->x[i] * d->w[i];
  leave_out(d->f, 5), leave_out(d->w, 5), leave_out(d->e, 5);
  d->curve[0] = (sl_plot_curve){"f - f(1)", d->x, d->f, POINTS, 0};
  d->curve[1] = (sl_plot_curve){"f'", d->x, d->w, POINTS, 0};
  d->curve[2] = (sl_plot_curve){"r f'", d->x, d->e, POINTS, 0};
  *panel = (sl_plot_panel){.title = sl_side_name(r, s),
                           .x_label = "importance ratio r",
                           .curve = d->curve,
                           .curves = 3,
                           .mark = d->mark};
  static const char *const labels[] = {"P1", "P2", "P3", "P4"};
  for (int k = 0; k < SL_P4W; k++) {
    const sl_finding *f = &r->side[s].property[k];
    const double at = place_of(f);
    if (f->has_witness && at <= NEAR)
      d->mark[panel->marks++] = (sl_plot_mark){at, weight_at(r, s, at), labels[k]};
  }
}

/* The width around the witness at which its violation stands out most; 0 where none is seen. */
static double zoom_width(const sl_report *r, int s, double at, int k, panel_data *d) {
  double best = VISIBLE, width = 0;
  for (int shift = 1; shift <= HALVINGS; shift++) {
    const double half = ldexp(fmax(at, 1), -shift);
    sample(r, s, d, fmax(at - half, 0), at + half);
    const double seen = visibility(d->x, d->w, k);
    if (seen > 1.25 * best) best = seen, width = half;
  }
  return width;
}

/* A curve so flat that its ticks would read alike is drawn from its value at the witness. */
static double zoom_base(panel_data *d, double at_witness) {
  enum { ALIKE = 100 };
  double low = INFINITY, high = -INFINITY;
  for (int i = 0; i < POINTS; i++)
    if (isfinite(d->w[i])) low = fmin(low, d->w[i]), high = fmax(high, d->w[i]);
  if (!(high - low < fabs(at_witness) / ALIKE)) return 0;
  for (int i = 0; i < POINTS; i++) d->w[i] -= at_witness;
  return at_witness;
}

static void add_zoom(picture *p, int s, int k) {
  static const char *const what[] = {"a step of f'", "f' above 1", "f' the wrong way", ""};
  static const char *const labels[] = {"P1", "P2", "P3", "P4"};
  const sl_report *r = p->report;
  const sl_finding *f = &r->side[s].property[k];
  const double at = place_of(f);
  panel_data *d = &p->data[p->panels];
  sample(r, s, d, 0, NEAR);
  leave_out(d->w, 5);
  if (at <= NEAR && visibility(d->x, d->w, k) >= VISIBLE) return; /* the overview shows it */
  const double half = zoom_width(r, s, at, k, d);
  if (half == 0) return; /* nothing that binary64 could draw */
  sample(r, s, d, fmax(at - half, 0), at + half);
  const double low = d->x[0] - at, step = (at + half - d->x[0]) / (POINTS - 1);
  for (int i = 0; i < POINTS; i++) d->x[i] = low + step * i;
  const double base = zoom_base(d, weight_at(r, s, at));
  snprintf(d->label, sizeof d->label, base != 0 ? "f' - %.17g" : "f'", base);
  snprintf(d->title, sizeof d->title, "%s: %s at r = %.9g", sl_side_name(r, s), what[k], at);
  snprintf(d->x_label, sizeof d->x_label, "r - %.17g", at);
  d->curve[0] = (sl_plot_curve){"f - f(1)", NULL, NULL, 0, 0}; /* f' keeps its colour */
  d->curve[1] = (sl_plot_curve){d->label, d->x, d->w, POINTS, 0};
  d->mark[0] = (sl_plot_mark){0, weight_at(r, s, at) - base, labels[k]};
  p->panel[p->panels++] = (sl_plot_panel){.title = d->title,
                                          .x_label = d->x_label,
                                          .curve = d->curve,
                                          .curves = 2,
                                          .mark = d->mark,
                                          .marks = 1,
                                          .low = (double)NAN,
                                          .high = (double)NAN};
}

void sl_report_svg(FILE *out, const sl_verified *v, size_t n) {
  static picture p;
  (void)n;
  p = (picture){.report = &v->report};
  for (int s = 1; s >= 0; s--)
    if (v->report.sides >> s & 1) add_overview(&p, s);
  const size_t columns = p.panels;
  for (int s = 1; s >= 0; s--)
    for (int k = 0; (v->report.sides >> s & 1) && k < SL_P4W; k++)
      if (v->report.side[s].property[k].has_witness) add_zoom(&p, s, k);
  char title[200];
  snprintf(title, sizeof title, "%s: %s", v->def->name,
           sl_verdict_name(sl_report_verdict(&v->report)));
  sl_plot_write(out, title, NULL, p.panel, p.panels, p.panels > 1 ? 2 : columns);
}
