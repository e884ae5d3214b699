/* The picture of a report: f, f' and r f' on [0, 4] with the witnesses marked, and f' alone around
 * each witness that is not seen there: one further out, or one too small. A range of a parameter
 * is drawn at its default, or at its end next to it. verify_report_svg_two.c draws gates of two
 * arguments. */
#include "verify_report_svg.h"

#include "kernels/support/plot.h"

#include "proofs/prover/place.h"

#include <math.h>
#include <string.h>

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

/* Between how many of the points is f' not on the straight line? Between two of them it is looked
 * at once more, each time at another part of the way, so that no wave has the same phase at all. */
static int unresolved(const sl_report *r, int s, const panel_data *d) {
  static const double OFF = 0.02, /* of the height: about the width of a line */
      GOLDEN = 0.61803398874989485;
  double part[POINTS - 1], x[POINTS - 1], f[POINTS - 1], w[POINTS - 1];
  double low = INFINITY, high = -INFINITY;
  int off = 0;
  for (int i = 0; i + 1 < POINTS; i++) {
    part[i] = fmod(GOLDEN * (i + 1), 1);
    x[i] = d->x[i] + part[i] * (d->x[i + 1] - d->x[i]);
  }
  sl_gate_evaluate64(r->def, s, x, f, w, POINTS - 1);
  for (int i = 0; i < POINTS; i++)
    if (isfinite(d->w[i])) low = fmin(low, d->w[i]), high = fmax(high, d->w[i]);
  for (int i = 0; i + 1 < POINTS; i++)
    off += fabs(w[i] - d->w[i] - part[i] * (d->w[i + 1] - d->w[i])) > OFF * (high - low);
  return off;
}

/* How often f' turns, by a tenth of the picture's height or more. */
static int turns(const panel_data *d) {
  static const double SMALL = 0.1;
  double low = INFINITY, high = -INFINITY, extreme = NAN;
  int count = 0, way = 0;
  for (int i = 0; i < POINTS; i++)
    if (isfinite(d->w[i])) low = fmin(low, d->w[i]), high = fmax(high, d->w[i]);
  for (int i = 0; i < POINTS; i++) {
    const double back = way * (extreme - d->w[i]);
    if (!isfinite(d->w[i])) continue;
    if (isnan(extreme) || (way && back < 0)) extreme = d->w[i];
    if (fabs(extreme - d->w[i]) < SMALL * (high - low)) continue;
    count += way != 0, way = d->w[i] > extreme ? 1 : -1, extreme = d->w[i];
  }
  return count;
}

/* The width around the witness at which its violation stands out most, of those at which the points
 * resolve f' but for `steps` places and few waves are seen; 0 where there is none. */
static double widest(const sl_report *r, int s, double at, int k, int steps, panel_data *d) {
  enum { FEW = 8 };
  double best = VISIBLE, width = 0;
  for (int shift = 1; shift <= HALVINGS; shift++) {
    const double half = ldexp(fmax(at, 1), -shift);
    sample(r, s, d, fmax(at - half, 0), at + half);
    const double seen = visibility(d->x, d->w, k);
    if (seen > 1.25 * best && turns(d) <= FEW && unresolved(r, s, d) <= steps)
      best = seen, width = half;
  }
  return width;
}

/* A smooth picture where there is one; a step has none. */
static double zoom_width(const sl_report *r, int s, double at, int k, panel_data *d) {
  enum { STEPS = 8 };
  const double smooth = k ? widest(r, s, at, k, 0, d) : 0;
  return smooth > 0 ? smooth : widest(r, s, at, k, STEPS, d);
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

/* "A > 0: tau in [1, 4], drawn at 1", after what stands there. */
static void say_parameters(char *out, size_t size, const sl_report *r, int s) {
  int said = 0;
  for (int i = 0; i < r->def->param_count; i++) {
    char value[48], low[48], high[48], text[200];
    if (i == r->def->old) continue;
    sl_decimal_print(value, sizeof value, r->def->param[i].value[s]);
    sl_decimal_print(low, sizeof low, r->options[s].low[i]);
    sl_decimal_print(high, sizeof high, r->options[s].high[i]);
    if (r->options[s].ranged >> i & 1)
      snprintf(text, sizeof text, "in [%s, %s], drawn at %s", low, high, value);
    else
      snprintf(text, sizeof text, "= %s", value);
    const size_t used = strlen(out);
    const char *const side = sl_side_name(r, s), *const name = r->def->param[i].name;
    if (said++)
      snprintf(out + used, size - used, ", %s %s", name, text);
    else
      snprintf(out + used, size - used, "%s%s: %s %s", used ? "; " : "", side, name, text);
  }
}

void sl_report_svg(FILE *out, const sl_verified *v, size_t n) {
  static picture p;
  char title[200], below[400] = "";
  (void)n;
  snprintf(title, sizeof title, "%s: %s", v->def->name, sl_verified_summary(&v->report));
  for (int s = 1; s >= 0; s--)
    if (v->report.sides >> s & 1) say_parameters(below, sizeof below, &v->report, s);
  if (v->def->old >= 0) {
    sl_report_svg_two(out, title, *below ? below : NULL, v);
    return;
  }
  p = (picture){.report = &v->report};
  for (int s = 1; s >= 0; s--)
    if (v->report.sides >> s & 1) add_overview(&p, s);
  const size_t columns = p.panels;
  for (int s = 1; s >= 0; s--)
    for (int k = 0; (v->report.sides >> s & 1) && k < SL_P4W; k++)
      if (v->report.side[s].property[k].has_witness) add_zoom(&p, s, k);
  sl_plot_write(out, title, *below ? below : NULL, p.panel, p.panels, p.panels > 1 ? 2 : columns);
}
