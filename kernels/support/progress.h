/* Progress on standard error: how far, how fast, and when it will be done. */
#ifndef SLUICE_PROGRESS_H
#define SLUICE_PROGRESS_H

#include <stdint.h>

/* On a terminal one line, rewritten in place at most ten times a second; elsewhere a line once a
 * minute, so that a log shows that the program lives. SLUICE_PROGRESS=0: nothing; =1: as on a
 * terminal; =every:SECONDS: lines at that distance. */
typedef struct {
  enum { SL_PROGRESS_OFF, SL_PROGRESS_IN_PLACE, SL_PROGRESS_LINES } kind;
  int64_t every_ms, last_ms;
  int shown; /* a line in place stands there */
} sl_progress;
void sl_progress_start(sl_progress *progress);
/* The same for work of seconds: off a terminal the first line comes after first_s, then one every
 * every_s, where SLUICE_PROGRESS does not say otherwise. */
void sl_progress_start_lines(sl_progress *progress, double first_s, double every_s);
/* The same, and on a terminal too the first line comes after first_s: for work that is mostly done
 * before. */
void sl_progress_start_delayed(sl_progress *progress, double first_s, double every_s);
void sl_progress_line(sl_progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sl_progress_end(sl_progress *progress); /* clears the line */

/* Time to the end of a stretch of work, from the pace since it began. */
typedef struct {
  int begun;
  int64_t begin_ms;
  uint64_t first;
} sl_pace;
enum { SL_PACE_TEXT = 32 };
/* `done` of `total` pieces are done; out becomes "3 min left", or "" while nothing can be said. The
 * first call begins the stretch. */
void sl_pace_text(char out[SL_PACE_TEXT], sl_pace *pace, uint64_t done, uint64_t total);
/* The same, `seconds` after the stretch began at piece `first`. */
void sl_pace_estimate(char out[SL_PACE_TEXT], double seconds, uint64_t first, uint64_t done,
                      uint64_t total);

#endif
