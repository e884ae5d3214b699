/* Line charts as SVG: axes with round ticks, a legend, marked points, light and dark. Long curves
 * are thinned (plot_layout.h). No dependency but stdio. */
#ifndef SLUICE_PLOT_H
#define SLUICE_PLOT_H

#include "plot_layout.h"

#include <stddef.h>
#include <stdio.h>

enum { SL_PLOT_COLOURS = 8, SL_PLOT_WIDTH = 440, SL_PLOT_HEIGHT = 260 };

typedef struct {
  const char *label;
  const double *x, *y; /* n points, x ascending; a y that is not finite breaks the line */
  size_t n;
  int dots; /* a dot on every point, or on every k-th: separate measurements */
} sl_plot_curve;

typedef struct {
  double x, y;
  const char *label;
} sl_plot_mark;

typedef struct {
  const char *title, *unit, *x_label; /* unit may be NULL */
  const sl_plot_curve *curve;
  size_t curves;
  const sl_plot_mark *mark;
  size_t marks;
  double low, high; /* values that the vertical axis must hold; NAN: the curves decide */
  /* If above 1: the curve is faint, and its running mean over `smooth` points is bold. */
  size_t smooth;
  int only_at_edge; /* no value at the end of a curve that ends before the right edge */
} sl_plot_panel;

/* The style sheet that the classes of a panel need, for a page that holds panels. */
extern const char *const sl_plot_style;

/* One panel as an <svg> element of SL_PLOT_WIDTH by SL_PLOT_HEIGHT; colours go by position, the
 * same in every panel. Text is escaped. */
void sl_plot_panel_write(FILE *out, const sl_plot_panel *panel);

/* A file by itself: a title, a line below it (may be NULL), and the panels in rows of `columns`. */
void sl_plot_write(FILE *out, const char *title, const char *below, const sl_plot_panel *panel,
                   size_t panels, size_t columns);

/* Text with <, >, & and " escaped, for SVG and HTML; what these cannot hold becomes U+FFFD. */
void sl_plot_text(FILE *out, const char *text);

/* 1, 2 or 5 times a power of ten, so that span holds about `count` of them. */
double sl_plot_step(double span, int count);

/* A tick's label: as many decimals as the step needs, thousands as k, millions as M. */
void sl_plot_label(char *out, size_t size, double value, double step);

/* The label at a curve's end: three digits, two below 0.01, four from 1000 to 9999, then k, M. */
void sl_plot_value(char *out, size_t size, double value);

#endif
