/* How examples are made and written (examples.h, spec F5.5). */
#include "examples.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static uint64_t draw(sl_examples *x) {
  uint64_t z = x->source += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

void sl_examples_forget(sl_examples *x) {
  while (x->n_owned > 0) free(x->owned[--x->n_owned]);
}

void sl_example(sl_examples *x, const char *call, const char *format, ...) {
  va_list args;
  sl_examples_forget(x);
  fputs("\nexample ", x->out);
  va_start(args, format);
  vfprintf(x->out, format, args);
  va_end(args);
  fprintf(x->out, "\ncall %s\n", call);
}

void *sl_example_room(sl_examples *x, size_t count, size_t bytes) {
  void *room =
      x->n_owned < sizeof x->owned / sizeof *x->owned ? calloc(count ? count : 1, bytes) : NULL;
  if (!room) { /* the examples are few and small: without this memory the program cannot continue */
    fputs("sluice-examples: error: no memory\n", stderr);
    abort();
  }
  x->owned[x->n_owned++] = room;
  return room;
}

static size_t elements(sl_dims d) {
  size_t n = 1;
  for (int i = 0; i < 4 && d.size[i]; i++) n *= d.size[i];
  return n;
}

static void head(sl_examples *x, const char *way, const char *name, const char *type, sl_dims d) {
  fprintf(x->out, "%s %s %s (", way, name, type);
  for (int i = 0; i < 4 && d.size[i]; i++) fprintf(x->out, "%s%zu", i ? "," : "", d.size[i]);
  fputc(')', x->out);
}

float *sl_example_between(sl_examples *x, const char *name, sl_dims d, double low, double high) {
  const size_t n = elements(d);
  float *values = sl_example_room(x, n, sizeof *values);
  for (size_t i = 0; i < n; i++)
    values[i] = (float)(low + (high - low) * ((double)(draw(x) >> 40) * 0x1p-24));
  sl_example_put_f32(x, "in", name, d, values);
  return values;
}

float *sl_example_floats(sl_examples *x, const char *name, sl_dims d, double scale) {
  return sl_example_between(x, name, d, -scale, scale);
}

uint32_t *sl_example_ids(sl_examples *x, const char *name, sl_dims d, uint32_t below) {
  const size_t n = elements(d);
  uint32_t *values = sl_example_room(x, n, sizeof *values);
  for (size_t i = 0; i < n; i++) values[i] = (uint32_t)(draw(x) % below);
  sl_example_put_u32(x, "in", name, d, values);
  return values;
}

void sl_example_put_f32(sl_examples *x, const char *way, const char *name, sl_dims d,
                        const float *values) {
  head(x, way, name, "f32", d);
  for (size_t i = 0; i < elements(d); i++) fprintf(x->out, " %a", (double)values[i]);
  fputc('\n', x->out);
}

void sl_example_put_f64(sl_examples *x, const char *way, const char *name, sl_dims d,
                        const double *values) {
  head(x, way, name, "f64", d);
  for (size_t i = 0; i < elements(d); i++) fprintf(x->out, " %a", values[i]);
  fputc('\n', x->out);
}

void sl_example_put_u32(sl_examples *x, const char *way, const char *name, sl_dims d,
                        const uint32_t *values) {
  head(x, way, name, "u32", d);
  for (size_t i = 0; i < elements(d); i++) fprintf(x->out, " %" PRIu32, values[i]);
  fputc('\n', x->out);
}

void sl_example_put_u64(sl_examples *x, const char *way, const char *name, sl_dims d,
                        const uint64_t *values) {
  head(x, way, name, "u64", d);
  for (size_t i = 0; i < elements(d); i++) fprintf(x->out, " %" PRIu64, values[i]);
  fputc('\n', x->out);
}

void sl_example_put_mask(sl_examples *x, const char *name, size_t n, const uint8_t *values) {
  head(x, "in", name, "u8", SL_DIMS(n));
  for (size_t i = 0; i < n; i++) fprintf(x->out, " %u", (unsigned)values[i]);
  fputc('\n', x->out);
}

void sl_example_number(sl_examples *x, const char *name, double value) {
  sl_example_put_f64(x, "in", name, SL_DIMS(0), &value);
}

void sl_example_single(sl_examples *x, const char *name, float value) {
  sl_example_put_f32(x, "in", name, SL_DIMS(0), &value);
}

void sl_example_count(sl_examples *x, const char *name, uint64_t value) {
  sl_example_put_u64(x, "in", name, SL_DIMS(0), &value);
}

void sl_example_word(sl_examples *x, const char *name, const char *value) {
  head(x, "in", name, "text", SL_DIMS(0));
  fprintf(x->out, " %s\n", value);
}

void sl_example_check(sl_examples *x, sl_status status, const sl_error *err) {
  if (!status) return;
  fprintf(stderr, "sluice-examples: error: %s\n",
          (err ? err : sl_context_error(x->plain))->message);
  x->failed = 1;
}
