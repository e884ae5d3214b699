/* The nearest word of a list, by Damerau's distance. */
#include "nearest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 63, BEGINNING = 3 }; /* letters of a word that is compared; of a beginning */

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static int same(char a, char b) {
  const int x = a == '-' ? '_' : tolower((unsigned char)a),
            y = b == '-' ? '_' : tolower((unsigned char)b);
  return x == y;
}

/* Insertions, deletions, replacements and exchanges of neighbours that turn a into b. */
static size_t distance(const char *a, size_t n, const char *b, size_t m) {
  size_t row[LONGEST + 2][LONGEST + 2];
  for (size_t i = 0; i <= n; i++) row[i][0] = i;
  for (size_t j = 0; j <= m; j++) row[0][j] = j;
  for (size_t i = 1; i <= n; i++)
    for (size_t j = 1; j <= m; j++) {
      const size_t replaced = row[i - 1][j - 1] + !same(a[i - 1], b[j - 1]);
      row[i][j] = least(replaced, least(row[i - 1][j], row[i][j - 1]) + 1);
      if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
        row[i][j] = least(row[i][j], row[i - 2][j - 2] + 1);
    }
  return row[n][m];
}

/* The word is how the candidate begins. A beginning is further off than any error of typing. */
static int begins(const sl_nearest *nearest, const char *candidate, size_t length) {
  if (nearest->length < BEGINNING || length <= nearest->length) return 0;
  return distance(nearest->word, nearest->length, candidate, nearest->length) == 0;
}

void sl_nearest_offer(sl_nearest *nearest, const char *candidate) {
  const size_t length = strlen(candidate), third = nearest->length / 3, allowed = third ? third : 1;
  if (nearest->length > LONGEST || length > LONGEST || !length) return;
  size_t d = distance(nearest->word, nearest->length, candidate, length);
  if (d > allowed || d >= length) {
    if (!begins(nearest, candidate, length)) return;
    d = LONGEST + length;
  }
  if (nearest->best && d >= nearest->distance) return;
  nearest->best = candidate;
  nearest->distance = d;
}

const char *sl_nearest_meant(char out[SL_MEANT], const sl_nearest *nearest) {
  *out = 0;
  if (nearest->best) snprintf(out, SL_MEANT, "; did you mean %s?", nearest->best);
  return out;
}

const char *sl_meant_of(char out[SL_MEANT], const char *word, const char *const *words, size_t n) {
  sl_nearest nearest = {.word = word, .length = strlen(word)};
  for (size_t i = 0; i < n; i++) sl_nearest_offer(&nearest, words[i]);
  return sl_nearest_meant(out, &nearest);
}
