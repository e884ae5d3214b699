/* Progress on standard error. */
#include "progress.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { IN_PLACE_MS = 100, LINE_MS = 60000 };

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void sl_progress_start(sl_progress *progress) {
  static const char every[] = "every:";
  const char *forced = getenv("SLUICE_PROGRESS");
  const int lines = forced ? strncmp(forced, every, sizeof every - 1) == 0 : !isatty(STDERR_FILENO);
  *progress = (sl_progress){.kind = SL_PROGRESS_IN_PLACE, .every_ms = IN_PLACE_MS};
  if (forced && strcmp(forced, "0") == 0) progress->kind = SL_PROGRESS_OFF;
  if (!lines) return;
  const double seconds = forced ? strtod(forced + sizeof every - 1, NULL) : LINE_MS * 1e-3;
  progress->kind = SL_PROGRESS_LINES;
  progress->every_ms = seconds > 0 && seconds < 1e9 ? (int64_t)(seconds * 1e3) : LINE_MS;
  progress->last_ms = now_ms(); /* what is done within a minute needs no line */
}

void sl_progress_start_lines(sl_progress *progress, double first_s, double every_s) {
  sl_progress_start(progress);
  if (progress->kind != SL_PROGRESS_LINES || getenv("SLUICE_PROGRESS")) return;
  progress->every_ms = (int64_t)(every_s * 1e3);
  progress->last_ms = now_ms() - progress->every_ms + (int64_t)(first_s * 1e3);
}

void sl_progress_start_delayed(sl_progress *progress, double first_s, double every_s) {
  sl_progress_start_lines(progress, first_s, every_s);
  if (progress->kind == SL_PROGRESS_IN_PLACE && !getenv("SLUICE_PROGRESS"))
    progress->last_ms = now_ms() - progress->every_ms + (int64_t)(first_s * 1e3);
}

void sl_progress_line(sl_progress *progress, const char *format, ...) {
  if (progress->kind == SL_PROGRESS_OFF) return;
  const int64_t now = now_ms();
  if (now - progress->last_ms < progress->every_ms) return;
  progress->last_ms = now;
  const int in_place = progress->kind == SL_PROGRESS_IN_PLACE;
  va_list args;
  va_start(args, format);
  if (in_place) fputs("\r\033[K", stderr);
  vfprintf(stderr, format, args);
  if (!in_place) fputc('\n', stderr);
  va_end(args);
  fflush(stderr);
  progress->shown = in_place;
}

void sl_progress_end(sl_progress *progress) {
  if (progress->shown) fputs("\r\033[K", stderr);
  progress->shown = 0;
}

void sl_pace_estimate(char out[SL_PACE_TEXT], double seconds, uint64_t first, uint64_t done,
                      uint64_t total) {
  *out = 0;
  if (done <= first || total < done || !(seconds > 0)) return;
  const double left = ceil(seconds / (double)(done - first) * (double)(total - done));
  if (left < 60)
    snprintf(out, SL_PACE_TEXT, "%.0f s left", left);
  else if (left < 3600)
    snprintf(out, SL_PACE_TEXT, "%.0f min left", ceil(left / 60));
  else if (left < 48 * 3600.0)
    snprintf(out, SL_PACE_TEXT, "%.0f h %.0f min left", floor(left / 3600),
             floor(fmod(left, 3600) / 60));
  else
    snprintf(out, SL_PACE_TEXT, "%.0f days left", fmin(ceil(left / 86400), 99999));
}

void sl_pace_text(char out[SL_PACE_TEXT], sl_pace *pace, uint64_t done, uint64_t total) {
  if (!pace->begun) *pace = (sl_pace){1, now_ms(), done};
  sl_pace_estimate(out, 1e-3 * (double)(now_ms() - pace->begin_ms), pace->first, done, total);
}
