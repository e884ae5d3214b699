/* Certificates as lines (see lines.h). */
#include "lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static uint64_t state = 0x9e3779b97f4a7c15u; /* the seed; printed with a failure */
uint32_t lines_pick(uint32_t n) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return (uint32_t)((state >> 33) % n);
}

void lines_split(lines_t *t, const char *text) {
  t->n = 0;
  while (*text) {
    const char *stop = strchr(text, '\n');
    t->line[t->n++] = strndup(text, (size_t)(stop - text));
    text = stop + 1;
  }
}
void lines_clear(lines_t *t) {
  for (int i = 0; i < t->n; i++) free(t->line[i]);
}

char *lines_seal(const lines_t *t, size_t *size) {
  char *text;
  FILE *out = open_memstream(&text, size);
  for (int i = 0; i + 1 < t->n; i++) fprintf(out, "%s\n", t->line[i]);
  fflush(out);
  const XXH128_hash_t h = XXH3_128bits(text, *size);
  fprintf(out, "digest %016llx%016llx\n", (unsigned long long)h.high64,
          (unsigned long long)h.low64);
  fclose(out);
  return text;
}

void lines_put(lines_t *t, int i, char *fresh) {
  free(t->line[i]);
  t->line[i] = fresh;
}

int lines_find(const lines_t *t, const char *prefix, const char *part) {
  int found[LINES], n = 0;
  for (int i = 0; i < t->n; i++)
    if (strncmp(t->line[i], prefix, strlen(prefix)) == 0 && strstr(t->line[i], part))
      found[n++] = i;
  return n ? found[lines_pick((uint32_t)n)] : -1;
}

char *lines_replaced(const char *line, const char *from, const char *to) {
  const char *at = strstr(line, from);
  char *y = malloc(strlen(line) + strlen(to) + 1);
  sprintf(y, "%.*s%s%s", (int)(at - line), line, to, at + strlen(from));
  return y;
}

int lines_swap_word(lines_t *t, const char *prefix, const char *from, const char *to) {
  const int i = lines_find(t, prefix, from);
  if (i < 0) return 0;
  lines_put(t, i, lines_replaced(t->line[i], from, to));
  return 1;
}

void lines_set_field(lines_t *t, int i, int k, const char *v) {
  char *copy = strdup(t->line[i]), *y = calloc(strlen(copy) + strlen(v) + 2, 1), *save = NULL;
  int n = 0, at = 0;
  for (char *f = strtok_r(copy, " ", &save); f; f = strtok_r(NULL, " ", &save), n++)
    at += sprintf(y + at, "%s%s", n ? " " : "", n == k ? v : f);
  free(copy);
  lines_put(t, i, y);
}
long lines_get_field(const lines_t *t, int i, int k) {
  char *copy = strdup(t->line[i]), *save = NULL, *f = strtok_r(copy, " ", &save);
  for (; f && k; k--) f = strtok_r(NULL, " ", &save);
  const long v = f ? strtol(f, NULL, 10) : 0;
  free(copy);
  return v;
}
int lines_add_field(lines_t *t, int i, int k, long by) {
  char v[40];
  if (i < 0) return 0;
  sprintf(v, "%ld", lines_get_field(t, i, k) + by);
  lines_set_field(t, i, k, v);
  return 1;
}

void lines_drop(lines_t *t, int i, int count) {
  for (int k = 0; k < count; k++) free(t->line[i + k]);
  memmove(&t->line[i], &t->line[i + count], (size_t)(t->n - i - count) * sizeof *t->line);
  t->n -= count;
}
