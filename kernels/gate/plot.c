/* SVG charts (see plot.h). */
#include "kernels/gate/plot.h"

#include <math.h>

enum { PANEL_WIDTH = 400, PANEL_HEIGHT = 300, LEFT = 56, RIGHT = 14, TOP = 58, BOTTOM = 46, LEGEND_ROW = 18 };

static const char *const colours[] = {"#1b6ca8", "#d1495b", "#2e933c", "#8e44ad", "#e08e0b", "#16a0a0", "#7a5230", "#555555"};
static const char *const dashes[] = {"", "7 3", "2 3", "9 3 2 3"};

typedef struct {
  double x0, x1, y0, y1, left, top, width, height;
} frame;

static double map_x(const frame *f, double x) { return f->left + (x - f->x0) / (f->x1 - f->x0) * f->width; }
static double map_y(const frame *f, double y) { return f->top + (f->y1 - y) / (f->y1 - f->y0) * f->height; }

static void text(FILE *out, double x, double y, const char *anchor, int size, const char *content) {
  fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\">", x, y, anchor, size);
  for (const char *c = content; *c; c++) {
    if (*c == '<')
      fputs("&lt;", out);
    else if (*c == '>')
      fputs("&gt;", out);
    else if (*c == '&')
      fputs("&amp;", out);
    else
      fputc(*c, out);
  }
  fputs("</text>\n", out);
}

/* 1, 2 or 5 times a power of ten, for about `count` ticks. */
static double round_step(double span, int count) {
  const double raw = span / count, power = pow(10, floor(log10(raw))), f = raw / power;
  return power * (f < 1.5 ? 1 : f < 3.5 ? 2 : f < 7.5 ? 5 : 10);
}

static void extend(double *low, double *high, double v) {
  if (!isfinite(v)) return;
  if (v < *low) *low = v;
  if (v > *high) *high = v;
}

static frame make_frame(const sl_plot_panel *p, size_t index) {
  frame f = {INFINITY, -INFINITY, 0, -INFINITY, (double)index * PANEL_WIDTH + LEFT, TOP, PANEL_WIDTH - LEFT - RIGHT, PANEL_HEIGHT - 40};
  for (size_t c = 0; c < p->curves; c++)
    for (size_t i = 0; i < p->curve[c].n; i++) extend(&f.x0, &f.x1, p->curve[c].x[i]), extend(&f.y0, &f.y1, p->curve[c].y[i]);
  if (!(f.x1 > f.x0)) f.x0 = 0, f.x1 = 1;
  if (!(f.y1 > f.y0)) f.y1 = f.y0 + 1;
  const double margin = 0.05 * (f.y1 - f.y0);
  f.y1 += margin;
  if (f.y0 < 0) f.y0 -= margin;
  return f;
}

static void axes(FILE *out, const frame *f, const char *x_label) {
  char label[32];
  const double sx = round_step(f->x1 - f->x0, 5), sy = round_step(f->y1 - f->y0, 5);
  for (double x = ceil(f->x0 / sx) * sx; x <= f->x1 * (1 + 1e-12); x += sx) {
    fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#e4e4e4\"/>\n", map_x(f, x), f->top, map_x(f, x),
            f->top + f->height);
    snprintf(label, sizeof label, "%g", fabs(x) < 1e-9 * sx ? 0 : x);
    text(out, map_x(f, x), f->top + f->height + 16, "middle", 11, label);
  }
  for (double y = ceil(f->y0 / sy) * sy; y <= f->y1; y += sy) {
    fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#e4e4e4\"/>\n", f->left, map_y(f, y), f->left + f->width,
            map_y(f, y));
    snprintf(label, sizeof label, "%g", fabs(y) < 1e-9 * sy ? 0 : y);
    text(out, f->left - 6, map_y(f, y) + 4, "end", 11, label);
  }
  fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" stroke=\"#333\"/>\n", f->left, f->top, f->width,
          f->height);
  text(out, f->left + f->width / 2, f->top + f->height + 34, "middle", 12, x_label);
}

static void line(FILE *out, const frame *f, const sl_plot_curve *c, size_t index) {
  int open = 0;
  fprintf(out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"%s\" d=\"", colours[index % 8],
          dashes[index / 2 % 4]);
  for (size_t i = 0; i < c->n; i++) {
    if (!isfinite(c->y[i])) {
      open = 0;
      continue;
    }
    fprintf(out, "%s%.2f %.2f", open ? " L" : " M", map_x(f, c->x[i]), map_y(f, c->y[i]));
    open = 1;
  }
  fputs("\"/>\n", out);
}

static void marks(FILE *out, const frame *f, const sl_plot_panel *p) {
  for (size_t i = 0; i < p->marks; i++) {
    const double x = map_x(f, fmin(fmax(p->mark[i].x, f->x0), f->x1)), y = map_y(f, fmin(fmax(p->mark[i].y, f->y0), f->y1));
    const int right = x > f->left + f->width / 2;
    fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"none\" stroke=\"#c00\" stroke-width=\"2\"/>\n", x, y);
    text(out, right ? x - 9 : x + 9, y < f->top + 24 ? y + 18 : y - 8, right ? "end" : "start", 11, p->mark[i].label);
  }
}

void sl_plot_write(FILE *out, const char *title, const sl_plot_panel *panel, size_t panels) {
  size_t rows = 0;
  for (size_t i = 0; i < panels; i++)
    if (panel[i].curves > rows) rows = panel[i].curves;
  const int height = TOP + PANEL_HEIGHT - 40 + BOTTOM + (int)((rows + 2) / 3) * LEGEND_ROW + 8, width = (int)panels * PANEL_WIDTH;
  fprintf(out,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
          "fill=\"#222\">\n",
          width, height, width, height);
  fprintf(out, "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", width, height);
  text(out, 12, 22, "start", 15, title);
  for (size_t i = 0; i < panels; i++) {
    const frame f = make_frame(&panel[i], i);
    text(out, f.left + f.width / 2, TOP - 10, "middle", 13, panel[i].title);
    axes(out, &f, panel[i].x_label);
    for (size_t c = 0; c < panel[i].curves; c++) line(out, &f, &panel[i].curve[c], c);
    marks(out, &f, &panel[i]);
    for (size_t c = 0; c < panel[i].curves; c++) { /* three to a row under the panel */
      const double x = f.left + (double)(c % 3) * (f.width / 3), y = f.top + f.height + BOTTOM + 4 + (double)(c / 3) * LEGEND_ROW;
      fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"%s\"/>\n", x,
              y, x + 22, y, colours[c % 8], dashes[c / 2 % 4]);
      text(out, x + 27, y + 4, "start", 11, panel[i].curve[c].label);
    }
  }
  fputs("</svg>\n", out);
}
