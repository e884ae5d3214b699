/* Parts cover the ranges (see parts_cover.h): cut at an end of a part until each piece lies within
 * one. */
#include "parts_cover.h"

static int cover(const ranges_t *part, int n, const int *ranged, mpq_t *low, mpq_t *high,
                 int depth) {
  for (int i = 0; i < n; i++) {
    int inside = 1, cut = -1;
    mpq_srcptr at = NULL;
    for (int k = 0; k < MAX_PARAMS; k++) {
      if (!ranged[k]) continue;
      if (mpq_cmp(part[i].low[k], high[k]) >= 0 || mpq_cmp(part[i].high[k], low[k]) <= 0) {
        inside = 0, cut = -1; /* apart */
        break;
      }
      if (mpq_cmp(part[i].low[k], low[k]) > 0) inside = 0, cut = k, at = part[i].low[k];
      if (mpq_cmp(part[i].high[k], high[k]) < 0) inside = 0, cut = k, at = part[i].high[k];
    }
    if (inside) return 1;
    if (cut < 0) continue;
    if (depth > 4 * PART_LIMIT) return 0;
    mpq_t keep;
    mpq_init(keep);
    mpq_set(keep, high[cut]);
    mpq_set(high[cut], at);
    int ok = cover(part, n, ranged, low, high, depth + 1);
    mpq_set(high[cut], keep);
    mpq_set(keep, low[cut]);
    mpq_set(low[cut], at);
    ok = ok && cover(part, n, ranged, low, high, depth + 1);
    mpq_set(low[cut], keep);
    mpq_clear(keep);
    return ok;
  }
  return 0;
}

int slc_parts_cover(const ranges_t *part, int n, const int *ranged, mpq_t *low, mpq_t *high) {
  return cover(part, n, ranged, low, high, 0);
}
