/* Line charts as SVG: panels side by side, axes with round ticks, a legend, marked points. No dependency but stdio. */
#ifndef SLUICE_GATE_PLOT_H
#define SLUICE_GATE_PLOT_H

#include <stddef.h>
#include <stdio.h>

typedef struct {
  const char *label;
  const double *x, *y; /* n points, x ascending; a y that is not finite breaks the line */
  size_t n;
} sl_plot_curve;

typedef struct {
  double x, y;
  const char *label;
} sl_plot_mark;

typedef struct {
  const char *title, *x_label;
  const sl_plot_curve *curve;
  size_t curves;
  const sl_plot_mark *mark;
  size_t marks;
} sl_plot_panel;

/* Colours go by position, the same in every panel; at most 8 curves a panel look different. Text is escaped. */
void sl_plot_write(FILE *out, const char *title, const sl_plot_panel *panel, size_t panels);

#endif
