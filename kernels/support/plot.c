/* SVG charts (see plot.h). Classes carry the colours, so that one style sheet serves a page, a
 * file, light and dark. */
#include "plot.h"

#include "utf8.h"

#include <math.h>
#include <string.h>

enum {
  LEFT = 52,
  RIGHT = 58,
  TOP = 52,
  BOTTOM = 34,
  MARGIN = 18,
  HEAD = 62,
  LABEL_GAP = 12,
  LEGEND_ROW = 15,
  DOTS = 150
};

const char *const sl_plot_style =
    ".sl text{font-family:system-ui,'Helvetica Neue',Arial,sans-serif;font-size:11px;fill:#555}"
    ".sl .t{font-size:13px;font-weight:600;fill:#1c1c1c}.sl "
    ".h{font-size:18px;font-weight:600;fill:#1c1c1c}.sl .m{font-size:12px}"
    ".sl .g{stroke:#e6e6e6;stroke-width:1}.sl .a{stroke:#9a9a9a;stroke-width:1}.sl "
    ".bg{fill:#ffffff}"
    ".sl .l{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.sl "
    ".f{fill:none;stroke-width:1;opacity:.35}"
    ".sl .k{fill:none;stroke:#c00000;stroke-width:2}"
    ".sl .s0{stroke:#1b6ca8}.sl .s1{stroke:#d1495b}.sl .s2{stroke:#2e933c}.sl .s3{stroke:#8e44ad}"
    ".sl .s4{stroke:#c77700}.sl .s5{stroke:#12888a}.sl .s6{stroke:#7a5230}.sl .s7{stroke:#666666}"
    ".sl .d0{fill:#1b6ca8}.sl .d1{fill:#d1495b}.sl .d2{fill:#2e933c}.sl .d3{fill:#8e44ad}"
    ".sl .d4{fill:#c77700}.sl .d5{fill:#12888a}.sl .d6{fill:#7a5230}.sl .d7{fill:#666666}"
    "@media (prefers-color-scheme:dark){"
    ".sl text{fill:#a8adb4}.sl .t,.sl .h{fill:#eceff3}.sl .g{stroke:#32373e}.sl "
    ".a{stroke:#6b727b}.sl .bg{fill:#16191d}.sl "
    ".k{stroke:#ff7b7b}"
    ".sl .s0{stroke:#6cb4ee}.sl .s1{stroke:#ff8a97}.sl .s2{stroke:#7bd389}.sl .s3{stroke:#c89bf0}"
    ".sl .s4{stroke:#ffb454}.sl .s5{stroke:#5fd3d5}.sl .s6{stroke:#d0a37c}.sl .s7{stroke:#b5b5b5}"
    ".sl .d0{fill:#6cb4ee}.sl .d1{fill:#ff8a97}.sl .d2{fill:#7bd389}.sl .d3{fill:#c89bf0}"
    ".sl .d4{fill:#ffb454}.sl .d5{fill:#5fd3d5}.sl .d6{fill:#d0a37c}.sl .d7{fill:#b5b5b5}}";

typedef struct {
  double x0, x1, y0, y1, left, top, width, height;
} frame;

static double map_x(const frame *f, double x) {
  return f->left + (x - f->x0) / (f->x1 - f->x0) * f->width;
}
static double map_y(const frame *f, double y) {
  return f->top + (f->y1 - y) / (f->y1 - f->y0) * f->height;
}

/* What XML cannot hold: control characters, and bytes that are not UTF-8. */
static int is_foreign(uint32_t point, size_t bytes) {
  return bytes == 0 || (point < 0x20 && point != '\t' && point != '\n' && point != '\r') ||
         point == 0xfffe || point == 0xffff;
}

void sl_plot_text(FILE *out, const char *text) {
  for (size_t left = strlen(text), n; left; text += n, left -= n) {
    uint32_t point = 0;
    n = sl_utf8_decode(text, left, &point);
    if (is_foreign(point, n))
      fputs("\ufffd", out);
    else if (point == '<')
      fputs("&lt;", out);
    else if (point == '>')
      fputs("&gt;", out);
    else if (point == '&')
      fputs("&amp;", out);
    else if (point == '"')
      fputs("&quot;", out);
    else
      fwrite(text, 1, n, out);
    if (n == 0) n = 1;
  }
}

static void text(FILE *out, double x, double y, const char *anchor, const char *class,
                 const char *content) {
  fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">", x, y, anchor, class);
  sl_plot_text(out, content);
  fputs("</text>\n", out);
}

static void segment(FILE *out, const char *class, double x0, double y0, double x1, double y1) {
  fprintf(out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x0,
          y0, x1, y1);
}

double sl_plot_step(double span, int count) {
  const double raw = span / count, power = pow(10, floor(log10(raw))), f = raw / power;
  return power * (f < 1.5 ? 1 : f < 3.5 ? 2 : f < 7.5 ? 5 : 10);
}

void sl_plot_label(char *out, size_t size, double value, double step) {
  const double scale = step >= 1e5 ? 1e6 : step >= 1e3 ? 1e3 : 1;
  const char *suffix = step >= 1e5 ? "M" : step >= 1e3 ? "k" : "";
  const int decimals = (int)fmax(0, -floor(log10(step / scale) + 1e-9));
  if (fabs(value) < 1e-9 * step)
    snprintf(out, size, "0");
  else if (decimals > 4 || fabs(value) >= 1e9)
    snprintf(out, size, "%.3g", value);
  else
    snprintf(out, size, "%.*f%s", decimals, value / scale, suffix);
}

static void extend(double *low, double *high, double v) {
  if (!isfinite(v)) return;
  if (v < *low) *low = v;
  if (v > *high) *high = v;
}

/* Widths are guessed at 6.6 units a character. */
static double width_of(const char *label) {
  size_t length = 0;
  for (const char *s = label; *s; s++) length += ((unsigned char)*s & 0xc0) != 0x80;
  return 6.6 * (double)length;
}

/* A curve without a number, as f of a gate that is given by its weight, is not in the panel. */
static int is_drawn(const sl_plot_curve *c) {
  for (size_t i = 0; i < c->n; i++)
    if (isfinite(c->y[i])) return 1;
  return 0;
}

/* Under the title: a short line in each curve's colour and its name, in as many rows as it takes.
 * Returns the rows; out NULL: nothing is written. */
static int legend(FILE *out, const sl_plot_panel *p) {
  double x = LEFT;
  int row = 0;
  for (size_t c = 0; p->curves > 1 && c < p->curves; c++) {
    const double width = 19 + width_of(p->curve[c].label);
    if (!is_drawn(&p->curve[c])) continue;
    if (x > LEFT && x + width > SL_PLOT_WIDTH) x = LEFT, row++;
    if (out) {
      const double y = 36 + row * LEGEND_ROW;
      fprintf(out, "<line class=\"l s%zu\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
              c % SL_PLOT_COLOURS, x, y, x + 14, y);
      text(out, x + 19, y + 4, "start", "m", p->curve[c].label);
    }
    x += width + 14;
  }
  return row + 1;
}

static frame make_frame(const sl_plot_panel *p) {
  const int top = TOP + (legend(NULL, p) - 1) * LEGEND_ROW;
  frame f = {INFINITY,
             -INFINITY,
             INFINITY,
             -INFINITY,
             LEFT,
             top,
             SL_PLOT_WIDTH - LEFT - RIGHT,
             SL_PLOT_HEIGHT - top - BOTTOM};
  extend(&f.y0, &f.y1, p->low);
  extend(&f.y0, &f.y1, p->high);
  for (size_t c = 0; c < p->curves; c++)
    for (size_t i = 0; i < p->curve[c].n; i++)
      extend(&f.x0, &f.x1, p->curve[c].x[i]), extend(&f.y0, &f.y1, p->curve[c].y[i]);
  if (!isfinite(f.x0)) f.x0 = 0, f.x1 = 1;
  if (!isfinite(f.y0)) f.y0 = 0, f.y1 = 1;
  if (!(f.x1 > f.x0)) f.x0 -= 0.5, f.x1 += 0.5;
  if (!(f.y1 > f.y0)) f.y1 += fmax(fabs(f.y1), 1) * 0.1;
  const double margin = 0.04 * (f.y1 - f.y0);
  if (f.y1 != p->high) f.y1 += margin;
  if (f.y0 != p->low) f.y0 -= margin;
  return f;
}

/* Multiples of a step in [low, high], ends included in spite of rounding: the first, and how many
 * follow it. */
static double first_tick(double low, double step) { return ceil(low / step - 1e-9) * step; }
static int tick_count(double low, double high, double step) {
  return (int)floor((high - first_tick(low, step)) / step + 1e-9);
}

/* Six ticks along r, or as many as have room for their labels. */
static double x_step(const frame *f) {
  for (int count = 6;; count--) {
    const double step = sl_plot_step(f->x1 - f->x0, count),
                 room = step / (f->x1 - f->x0) * f->width;
    int fits = 1;
    for (int i = 0; i <= tick_count(f->x0, f->x1, step); i++) {
      char label[32];
      sl_plot_label(label, sizeof label, first_tick(f->x0, step) + i * step, step);
      fits &= width_of(label) <= room;
    }
    if (fits || count == 2) return step;
  }
}

static void axes(FILE *out, const frame *f, const char *x_label) {
  char label[32];
  const double sx = x_step(f), sy = sl_plot_step(f->y1 - f->y0, 4), bottom = f->top + f->height;
  for (int i = 0; i <= tick_count(f->y0, f->y1, sy); i++) {
    const double y = first_tick(f->y0, sy) + i * sy;
    segment(out, "g", f->left, map_y(f, y), f->left + f->width, map_y(f, y));
    sl_plot_label(label, sizeof label, y, sy);
    text(out, f->left - 6, map_y(f, y) + 4, "end", "m", label);
  }
  for (int i = 0; i <= tick_count(f->x0, f->x1, sx); i++) {
    const double x = first_tick(f->x0, sx) + i * sx;
    segment(out, "a", map_x(f, x), bottom, map_x(f, x), bottom + 4);
    sl_plot_label(label, sizeof label, x, sx);
    text(out, map_x(f, x), bottom + 16, "middle", "m", label);
  }
  segment(out, "a", f->left, bottom, f->left + f->width, bottom);
  text(out, f->left + f->width / 2, bottom + 30, "middle", "m", x_label);
}

/* The curve, or its running mean, by the points that thinning leaves. A point without neighbours
 * would be a line of no length: it gets a dot. */
static void path(FILE *out, const frame *f, const sl_plot_curve *c, const char *class,
                 size_t colour, size_t smooth) {
  size_t pick[SL_PLOT_POINTS];
  double y[SL_PLOT_POINTS];
  const size_t n = sl_plot_thin(pick, c->y, c->n);
  for (size_t i = 0; i < n; i++)
    y[i] = smooth > 1 && isfinite(c->y[pick[i]]) ? sl_plot_running_mean(c->y, c->n, pick[i], smooth)
                                                 : c->y[pick[i]];
  fprintf(out, "<path class=\"%s s%zu\" d=\"", class, colour);
  for (size_t i = 0; i < n; i++)
    if (isfinite(y[i]))
      fprintf(out, "%s%.1f %.1f", i && isfinite(y[i - 1]) ? "L" : "M", map_x(f, c->x[pick[i]]),
              map_y(f, y[i]));
  fputs("\"/>\n", out);
  for (size_t i = 0; i < n; i++)
    if (isfinite(y[i]) && !(i && isfinite(y[i - 1])) && !(i + 1 < n && isfinite(y[i + 1])))
      fprintf(out, "<circle class=\"d%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", colour,
              map_x(f, c->x[pick[i]]), map_y(f, y[i]));
}

static void dots(FILE *out, const frame *f, const sl_plot_curve *c, size_t colour) {
  size_t pick[SL_PLOT_POINTS];
  const size_t n = sl_plot_pick(pick, c->n, DOTS);
  for (size_t k = 0; k < n; k++) {
    const double x = c->x[pick[k]], y = c->y[pick[k]];
    if (isfinite(y))
      fprintf(out,
              "<circle class=\"d%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%g: "
              "%.4g</title></circle>\n",
              colour, map_x(f, x), map_y(f, y), x, y);
  }
}

void sl_plot_value(char *out, size_t size, double value) {
  const double magnitude = fabs(value);
  if (magnitude >= 999.5 && magnitude < 9999.5)
    snprintf(out, size, "%.0f", value);
  else if (magnitude >= 9999.5 && magnitude < 999500)
    snprintf(out, size, "%.3gk", value / 1e3);
  else if (magnitude >= 999500 && magnitude < 999.5e6)
    snprintf(out, size, "%.3gM", value / 1e6);
  else
    snprintf(out, size, magnitude < 0.01 || magnitude >= 999.5e6 ? "%.2g" : "%.3g", value);
}

/* The value on which a curve ends, at its end; labels are kept LABEL_GAP apart and within the
 * panel. */
static void end_labels(FILE *out, const frame *f, const sl_plot_panel *p) {
  double place[SL_PLOT_COLOURS], value[SL_PLOT_COLOURS], x[SL_PLOT_COLOURS];
  size_t curve[SL_PLOT_COLOURS], n = 0;
  for (size_t c = 0; c < p->curves && c < SL_PLOT_COLOURS; c++) {
    const sl_plot_curve *of = &p->curve[c];
    size_t last = of->n;
    while (last > 0 && !isfinite(of->y[last - 1])) last--;
    if (!last || (p->only_at_edge && of->x[last - 1] < f->x1)) continue;
    value[n] =
        sl_plot_running_mean(of->y, of->n, last - 1, p->smooth > 1 && !of->dots ? p->smooth : 1);
    place[n] = map_y(f, value[n]) + 4;
    x[n] = map_x(f, of->x[last - 1]) + 7;
    curve[n++] = c;
  }
  sl_plot_spread(place, n, LABEL_GAP, f->top + 4, f->top + f->height + 4);
  for (size_t i = 0; i < n; i++) {
    char label[32];
    sl_plot_value(label, sizeof label, value[i]);
    fprintf(out,
            "<text x=\"%.1f\" y=\"%.1f\" class=\"m\"><tspan class=\"d%zu\">%s</tspan></text>\n",
            x[i], place[i], curve[i] % SL_PLOT_COLOURS, label);
  }
}

/* Marks nearer than this are one place: their labels stand in one line. */
enum { MARK_GAP = 14, MARK_TEXT = 120 };

typedef struct {
  double x, y;
} place;

static place mark_place(const frame *f, const sl_plot_mark *m) {
  return (place){map_x(f, fmin(fmax(m->x, f->x0), f->x1)),
                 map_y(f, fmin(fmax(m->y, f->y0), f->y1))};
}

/* Is mark i near an earlier one, whose label then has its own? */
static int joins_earlier(const frame *f, const sl_plot_panel *p, size_t i) {
  const place at = mark_place(f, &p->mark[i]);
  for (size_t k = 0; k < i; k++) {
    const place other = mark_place(f, &p->mark[k]);
    if (fabs(other.x - at.x) < MARK_GAP && fabs(other.y - at.y) < MARK_GAP) return 1;
  }
  return 0;
}

static void marks(FILE *out, const frame *f, const sl_plot_panel *p) {
  for (size_t i = 0; i < p->marks; i++) {
    const place at = mark_place(f, &p->mark[i]);
    fprintf(out, "<circle class=\"k\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"/>\n", at.x, at.y);
    if (joins_earlier(f, p, i)) continue;
    char label[MARK_TEXT] = "";
    for (size_t k = i; k < p->marks; k++) {
      const place other = mark_place(f, &p->mark[k]);
      const size_t used = strlen(label);
      if (fabs(other.x - at.x) < MARK_GAP && fabs(other.y - at.y) < MARK_GAP)
        snprintf(label + used, sizeof label - used, "%s%s", used ? ", " : "", p->mark[k].label);
    }
    const int right = at.x > f->left + f->width / 2;
    text(out, right ? at.x - 9 : at.x + 9, at.y < f->top + 24 ? at.y + 18 : at.y - 8,
         right ? "end" : "start", "m", label);
  }
}

static void panel_body(FILE *out, const sl_plot_panel *p) {
  const frame f = make_frame(p);
  fprintf(out, "<text x=\"%d\" y=\"20\"><tspan class=\"t\">", LEFT);
  sl_plot_text(out, p->title);
  fputs("</tspan>", out);
  if (p->unit) {
    fputs("<tspan class=\"m\" dx=\"8\">", out);
    sl_plot_text(out, p->unit);
    fputs("</tspan>", out);
  }
  fputs("</text>\n", out);
  axes(out, &f, p->x_label);
  legend(out, p);
  for (size_t c = 0; c < p->curves; c++) {
    const int smooth = p->smooth > 1 && !p->curve[c].dots;
    if (smooth) path(out, &f, &p->curve[c], "f", c % SL_PLOT_COLOURS, 1);
    path(out, &f, &p->curve[c], "l", c % SL_PLOT_COLOURS, smooth ? p->smooth : 1);
    if (p->curve[c].dots) dots(out, &f, &p->curve[c], c % SL_PLOT_COLOURS);
  }
  end_labels(out, &f, p);
  marks(out, &f, p);
}

void sl_plot_panel_write(FILE *out, const sl_plot_panel *panel) {
  fprintf(out, "<svg class=\"sl\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", SL_PLOT_WIDTH,
          SL_PLOT_HEIGHT);
  sl_plot_text(out, panel->title);
  fputs("\">\n", out);
  panel_body(out, panel);
  fputs("</svg>\n", out);
}

void sl_plot_write(FILE *out, const char *title, const char *below, const sl_plot_panel *panel,
                   size_t panels, size_t columns) {
  const size_t rows = (panels + columns - 1) / columns;
  const int width = (int)columns * SL_PLOT_WIDTH + 2 * MARGIN, head = below ? HEAD : HEAD - 18,
            height = (int)rows * SL_PLOT_HEIGHT + head + MARGIN;
  fprintf(out,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"sl\" width=\"%d\" height=\"%d\" "
          "viewBox=\"0 0 %d %d\">\n<style>%s</style>\n",
          width, height, width, height, sl_plot_style);
  fprintf(out, "<rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n", width, height);
  text(out, MARGIN + 10, 30, "start", "h", title);
  if (below) text(out, MARGIN + 10, 50, "start", "m", below);
  for (size_t i = 0; i < panels; i++) {
    fprintf(out, "<g transform=\"translate(%d %d)\">\n",
            MARGIN + (int)(i % columns) * SL_PLOT_WIDTH,
            head + (int)(i / columns) * SL_PLOT_HEIGHT);
    panel_body(out, &panel[i]);
    fputs("</g>\n", out);
  }
  fputs("</svg>\n", out);
}
