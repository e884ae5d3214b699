/* Where the parts of a panel go (see plot_layout.h). */
#include "plot_layout.h"

#include <math.h>

/* The smallest and the largest finite value in [begin, end), in the order in which they stand. */
static size_t extremes(size_t out[2], const double *y, size_t begin, size_t end) {
  size_t low = end, high = end;
  for (size_t i = begin; i < end; i++) {
    if (!isfinite(y[i])) continue;
    if (low == end || y[i] < y[low]) low = i;
    if (high == end || y[i] > y[high]) high = i;
  }
  if (low == end) low = high = begin;
  out[0] = low < high ? low : high;
  out[1] = low < high ? high : low;
  return low == high ? 1 : 2;
}

size_t sl_plot_thin(size_t out[SL_PLOT_POINTS], const double *y, size_t n) {
  size_t count = 0;
  if (n <= SL_PLOT_POINTS) {
    for (; count < n; count++) out[count] = count;
    return n;
  }
  for (size_t b = 0; b < SL_PLOT_BUCKETS; b++) {
    const size_t begin = b * n / SL_PLOT_BUCKETS, end = (b + 1) * n / SL_PLOT_BUCKETS;
    count += extremes(out + count, y, begin, end);
  }
  return count;
}

size_t sl_plot_pick(size_t out[SL_PLOT_POINTS], size_t n, size_t most) {
  const size_t stride = n <= most ? 1 : (n - 1 + most - 2) / (most - 1);
  size_t count = 0;
  for (size_t i = 0; i < n; i += stride) out[count++] = i;
  if (count && out[count - 1] != n - 1) out[count++] = n - 1;
  return count;
}

static void push_up(double *place, const size_t *order, size_t n, double gap, double low) {
  for (size_t i = 0; i < n; i++) {
    const double least = i ? place[order[i - 1]] + gap : low;
    if (place[order[i]] < least) place[order[i]] = least;
  }
}

static void push_down(double *place, const size_t *order, size_t n, double gap, double high) {
  for (size_t i = n; i-- > 0;) {
    const double most = i + 1 < n ? place[order[i + 1]] - gap : high;
    if (place[order[i]] > most) place[order[i]] = most;
  }
}

void sl_plot_spread(double *place, size_t n, double gap, double low, double high) {
  enum { MOST = 64 };
  size_t order[MOST];
  if (n > MOST) n = MOST;
  for (size_t i = 0; i < n; i++) { /* sorted by insertion; equals keep their order */
    size_t at = i;
    for (; at > 0 && place[order[at - 1]] > place[i]; at--) order[at] = order[at - 1];
    order[at] = i;
  }
  push_up(place, order, n, gap, low);
  push_down(place, order, n, gap, high);
}

double sl_plot_running_mean(const double *y, size_t n, size_t i, size_t width) {
  const size_t before = width / 2, first = i > before ? i - before : 0,
               last = i + before < n ? i + before : n - 1;
  double sum = 0;
  size_t used = 0;
  for (size_t j = first; j <= last; j++)
    if (isfinite(y[j])) sum += y[j], used++;
  return used ? sum / (double)used : (double)NAN;
}
