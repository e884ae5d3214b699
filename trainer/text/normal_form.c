/* NFC (spec F7.2). The forms come from utf8proc; here is only what spares most texts its work.
 *
 * A code point is inert if its class of combination is 0, its NFC is itself, and it is never the
 * second half of a composition. Before an inert code point NFC never joins or reorders: the forms
 * of what stands left and right of that place, one after the other, are the form of the whole. So a
 * text of inert code points is its own NFC, and any other one is cut before its inert code points
 * into runs, of which only those with something that is not inert need be formed. */
#include "normal_form.h"

#include "kernels/support/utf8.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define FIRST_ACTIVE_LEAD 0xCC /* all below U+0300 is inert: its first byte is less */
#define DECOMPOSED_MAX 32      /* code points of one decomposition; 4 are the most in Unicode */

/* Code points that are not inert, a bit each: filled when a text asks first, and then the same. */
static unsigned char active[SL_UTF8_POINTS / 8];
static pthread_once_t filled = PTHREAD_ONCE_INIT;

static int is_active(uint32_t point) { return active[point / 8] >> (point % 8) & 1; }

static void mark(utf8proc_int32_t point) { active[point / 8] |= (unsigned char)(1 << (point % 8)); }

/* Halves of compositions are among the decompositions' later code points: the second half of a pair
 * has no decomposition of its own in any composition, so that it stands there as itself. Hangul's
 * vowels and final consonants come in by the syllables. */
static void mark_point(utf8proc_int32_t point) {
  utf8proc_int32_t parts[DECOMPOSED_MAX];
  const utf8proc_ssize_t n =
      utf8proc_decompose_char(point, parts, DECOMPOSED_MAX, UTF8PROC_DECOMPOSE, NULL);
  if (utf8proc_get_property(point)->combining_class != 0) mark(point);
  if (n == 1 && parts[0] == point) return;
  for (utf8proc_ssize_t i = 1; i < n; i++) mark(parts[i]);
  const utf8proc_ssize_t m = utf8proc_normalize_utf32(parts, n, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  if (m != 1 || parts[0] != point) mark(point);
}

static void fill_table(void) {
  for (utf8proc_int32_t point = 0x300; point < SL_UTF8_POINTS; point++)
    if (point < 0xD800 || point > 0xDFFF) mark_point(point);
}

void sl_forming_free(sl_forming *room) {
  free(room->points.bytes);
  free(room->text.bytes);
  *room = (sl_forming){0};
}

/* The first byte from `at` on whose code point is active, with the last inert one before it at
 * *run; size if there is none. */
static size_t find_active(const char *text, size_t size, size_t at, size_t *run) {
  size_t before = at;
  while (at < size) {
    if ((unsigned char)text[at] < FIRST_ACTIVE_LEAD) {
      while (at < size && (unsigned char)text[at] < FIRST_ACTIVE_LEAD) at++;
      for (before = at - 1; ((unsigned char)text[before] & 0xC0) == 0x80; before--)
        ;
      continue;
    }
    uint32_t point;
    const size_t bytes = sl_utf8_decode(text + at, size - at, &point);
    if (is_active(point)) break;
    before = at;
    at += bytes;
  }
  *run = before;
  return at;
}

/* Where the run that has an active code point at byte `at` ends: before the next inert one. */
static size_t find_end(const char *text, size_t size, size_t at) {
  while (at < size) {
    uint32_t point;
    if ((unsigned char)text[at] < FIRST_ACTIVE_LEAD) break;
    const size_t bytes = sl_utf8_decode(text + at, size - at, &point);
    if (!is_active(point)) break;
    at += bytes;
  }
  return at;
}

static sl_status put_run(sl_forming *forming, const char *text, size_t size, sl_error *err) {
  const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
  const size_t room = 4 * size + DECOMPOSED_MAX; /* code points, as none grows more in NFD */
  forming->points.used = 0;
  utf8proc_int32_t *points =
      (utf8proc_int32_t *)(void *)sl_growing_reserve(&forming->points, room * sizeof *points);
  if (!points) return sl_fail(err, SL_ERR_MEMORY, "no memory for a text's normal form");
  utf8proc_ssize_t n = utf8proc_decompose((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)size,
                                          points, (utf8proc_ssize_t)room, options);
  if (n >= 0) n = utf8proc_normalize_utf32(points, n, options);
  if (n < 0) return sl_fail(err, SL_ERR_INPUT, "no normal form: %s", utf8proc_errmsg(n));
  char *at = sl_growing_reserve(&forming->text, 4 * (size_t)n);
  if (!at) return sl_fail(err, SL_ERR_MEMORY, "no memory for a text's normal form");
  for (utf8proc_ssize_t i = 0; i < n; i++) at += sl_utf8_encode(at, (uint32_t)points[i]);
  forming->text.used = (size_t)(at - forming->text.bytes);
  return SL_OK;
}

sl_status sl_normal_form_apply(const char *text, size_t size, sl_forming *room, const char **out,
                               size_t *out_size, sl_error *err) {
  size_t run, done = 0;
  *out = text, *out_size = size;
  if (pthread_once(&filled, fill_table))
    return sl_fail(err, SL_ERR_MEMORY, "no memory for a table of Unicode's forms");
  size_t at = find_active(text, size, 0, &run);
  if (at == size) return SL_OK;
  sl_growing *into = &room->text;
  into->used = 0;
  while (at < size) {
    const size_t end = find_end(text, size, at);
    SL_TRY(sl_growing_put(into, text + done, run - done, err));
    SL_TRY(put_run(room, text + run, end - run, err));
    done = end;
    at = find_active(text, size, done, &run);
  }
  SL_TRY(sl_growing_put(into, text + done, size - done, err));
  *out = into->bytes, *out_size = into->used;
  return SL_OK;
}
