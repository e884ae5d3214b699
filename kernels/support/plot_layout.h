/* Where the parts of a panel go: thinned curves, labels that do not collide. */
#ifndef SLUICE_PLOT_LAYOUT_H
#define SLUICE_PLOT_LAYOUT_H

#include <stddef.h>

/* A curve of more than SL_PLOT_POINTS points is drawn by that many at most: of each of
 * SL_PLOT_BUCKETS equal parts the smallest and the largest, so that no peak is lost. */
enum { SL_PLOT_BUCKETS = 300, SL_PLOT_POINTS = 2 * SL_PLOT_BUCKETS };

/* Indices of the points of y[0..n) to draw, ascending, into out[SL_PLOT_POINTS]; returns how many.
 * All if there is room. A part without a finite value gives its first index, where the line then
 * breaks. */
size_t sl_plot_thin(size_t out[SL_PLOT_POINTS], const double *y, size_t n);

/* Every k-th of n points and the last, at most `most` of them: out as above. */
size_t sl_plot_pick(size_t out[SL_PLOT_POINTS], size_t n, size_t most);

/* Moves the n places so that any two are `gap` apart and all lie in [low, high] as far as there is
 * room, each as near to where it was as the order allows. */
void sl_plot_spread(double *place, size_t n, double gap, double low, double high);

/* The mean of y over the window of `width` points around i that lies in [0, n); what is not finite
 * is left out; NAN if nothing is left. */
double sl_plot_running_mean(const double *y, size_t n, size_t i, size_t width);

#endif
