/* Values against balls (spec E3.2). */
#include "judgement.h"

#include <math.h>

static void note_largest(double *largest, sl_element_place *at, double x, sl_element_place place) {
  if (!(x > *largest)) return;
  *largest = x;
  *at = place;
}

static double share_of(double off, double rad) {
  if (off == 0.0) return 0.0;
  return rad > 0.0 ? off / rad : (double)INFINITY;
}

/* 1 where there is nothing to judge an element by. */
static int is_open(sl_judgement *j, sl_format type, sl_ball ball) {
  const int unjudged = isnan(ball.mid) || isinf(sl_format_round(type, ball.mid)),
            unbounded = !unjudged && isinf(ball.rad);
  j->unjudged += (size_t)unjudged, j->unbounded += (size_t)unbounded;
  return unjudged || unbounded;
}

static void judge_one(sl_judgement *j, sl_element_place place, sl_format type, double got,
                      sl_ball ball) {
  const double off = isfinite(got) ? fabs(got - ball.mid) : (double)INFINITY,
               share = share_of(off, ball.rad);
  j->judged++;
  note_largest(&j->ulps, &j->ulps_at, off / sl_format_ulp(type, ball.mid), place);
  note_largest(&j->share, &j->share_at, share, place);
  const double step = ceil(share * SL_SHARE_STEPS);
  j->shares[step <= SL_SHARE_STEPS ? (size_t)step : SL_SHARE_STEPS + 1]++;
  if (share <= 1.0) return;
  if (j->wrong++ == 0) {
    j->wrong_at = place, j->mid = ball.mid, j->rad = ball.rad;
    j->got = isnan(got) ? fabs(got) : got; /* printf shows the sign of a NaN, which says nothing */
  }
}

void sl_judge(sl_judgement *j, const char *tensor, size_t first, sl_format type, const double *got,
              const sl_ball *balls, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!is_open(j, type, balls[i]))
      judge_one(j, (sl_element_place){tensor, first + i}, type, got[i], balls[i]);
}

/* Both exact values are the same number, computed twice: what binary64 makes of them may differ. A
 * value that is not finite agrees with none. */
void sl_judge_parity(sl_judgement *j, const char *tensor, size_t first, sl_format type,
                     const double *got, const sl_ball *balls, const double *other,
                     const sl_ball *other_balls, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (is_open(j, type, balls[i]) || is_open(j, type, other_balls[i])) continue;
    const sl_ball both = {
        other[i], balls[i].rad + other_balls[i].rad + fabs(balls[i].mid - other_balls[i].mid)};
    judge_one(j, (sl_element_place){tensor, first + i}, type,
              isfinite(other[i]) ? got[i] : (double)NAN, both);
  }
}

void sl_judgement_add(sl_judgement *j, const sl_judgement *other) {
  if (j->wrong == 0 && other->wrong)
    j->wrong_at = other->wrong_at, j->got = other->got, j->mid = other->mid, j->rad = other->rad;
  j->judged += other->judged, j->wrong += other->wrong;
  j->unbounded += other->unbounded, j->unjudged += other->unjudged;
  note_largest(&j->ulps, &j->ulps_at, other->ulps, other->ulps_at);
  note_largest(&j->share, &j->share_at, other->share, other->share_at);
  for (size_t i = 0; i < SL_SHARE_STEPS + 2; i++) j->shares[i] += other->shares[i];
}

double sl_judgement_p99(const sl_judgement *j) {
  const size_t above = j->judged / 100;
  size_t seen = 0;
  for (size_t i = SL_SHARE_STEPS + 1; i > 0; i--) {
    seen += j->shares[i];
    if (seen > above) return i > SL_SHARE_STEPS ? j->share : (double)i / SL_SHARE_STEPS;
  }
  return 0.0;
}
