/* Random and adversarial sizes and values. */
#include "problem.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ARENA_ALIGN 64u

size_t sl_element_bytes(sl_element type) {
  static const size_t bytes[] = {sizeof(float),   sizeof(double),       sizeof(uint32_t),
                                 sizeof(uint8_t), sizeof(sl_loss_sums), sizeof(uint64_t)};
  return bytes[type];
}

int sl_shape(sl_problem *p, const char *format, ...) {
  va_list args;
  va_start(args, format);
  const int n = vsnprintf(p->shape, sizeof p->shape, format, args);
  va_end(args);
  return n;
}

void *sl_add(sl_problem *p, const char *name, sl_element type, sl_role role, size_t count) {
  const size_t bytes = count * sl_element_bytes(type),
               rounded = (bytes / ARENA_ALIGN + 1) * ARENA_ALIGN;
  assert(p->arrays < SL_ARRAYS_MAX && rounded <= p->arena_bytes - p->arena_used);
  void *data = p->arena + p->arena_used;
  p->arena_used += rounded;
  memset(data, 0, rounded);
  p->array[p->arrays++] = (sl_array){name, type, role, count, data, 0};
  return data;
}

void sl_drop(sl_problem *p) {
  p->array[p->arrays++] = (sl_array){"(absent)", SL_F32, SL_IN, 0, NULL, 0};
}

static float mixed(sl_source *s) {
  const float x = (float)sl_source_unit(s);
  switch (sl_source_below(s, 16)) {
    case 0:
      return 0.0f;
    case 1:
      return -0.0f;
    case 2:
      return ldexpf(x, -140);
    case 3:
      return ldexpf(x, -75);
    case 4:
      return ldexpf(x, 6);
    default:
      return ldexpf(x, (int)sl_source_below(s, 24) - 20);
  }
}

/* KINDS of them are drawn; the others are asked for. */
typedef enum {
  USUAL,
  MIXED,
  CONSTANT,
  CANCELLING,
  POWERS,
  ZEROS,
  KINDS,
  SUBNORMAL = KINDS,
  WHOLE
} kind;

static float value(sl_source *s, kind k, const float *before, size_t i) {
  switch (k) {
    case MIXED:
      return mixed(s);
    case CONSTANT:
      return i ? before[0] : (float)sl_source_unit(s);
    case CANCELLING: /* each odd element nearly undoes the one before it */
      return i % 2 ? -before[i - 1] * (1.0f + 0x1p-23f * (float)sl_source_below(s, 3))
                   : (float)sl_source_unit(s);
    case ZEROS:
      return sl_source_below(s, 4) ? copysignf(0.0f, (float)sl_source_unit(s))
                                   : (float)sl_source_unit(s);
    case POWERS:
      return copysignf(ldexpf(1.0f, (int)sl_source_below(s, 9) - 6), (float)sl_source_unit(s));
    case SUBNORMAL:
      return ldexpf((float)sl_source_unit(s), -122 - (int)sl_source_below(s, 24));
    case WHOLE:
      return (float)sl_source_below(s, 9) - 4.0f;
    default:
      return (float)sl_source_unit(s) * 2.0f;
  }
}

/* A kind is drawn in any case, so that what follows does not depend on what was asked for. */
static kind kind_of(sl_problem *p) {
  static const kind asked[SL_VALUES_KINDS] = {USUAL,      USUAL,     MIXED, CONSTANT,
                                              CANCELLING, SUBNORMAL, WHOLE};
  const kind drawn = (kind)sl_source_below(&p->source, KINDS);
  return p->values == SL_VALUES_DRAWN ? drawn : asked[p->values];
}

float *sl_add_floats(sl_problem *p, const char *name, sl_role role, size_t count) {
  float *x = sl_add(p, name, SL_F32, role, count);
  const kind k = kind_of(p);
  for (size_t i = 0; i < count; i++) x[i] = value(&p->source, k, x, i);
  return x;
}

float *sl_add_total(sl_problem *p, const char *name, size_t count) {
  float *x = sl_add_floats(p, name, SL_INOUT, count);
  for (size_t i = 0; i < count; i++) x[i] += 0.0f;
  return x;
}

size_t sl_budget(const sl_problem *p, size_t budget) {
  return p->shrink < 2 ? budget : budget / p->shrink + 1;
}

/* Each name once: parts and groups draw some several times. */
static void note_range(sl_problem *p, const char *name, size_t low, size_t high) {
  char range[64];
  const size_t used = strlen(p->ranges);
  snprintf(range, sizeof range, "%s (%zu to %zu)", name, low, high);
  if (strstr(p->ranges, range)) return;
  snprintf(p->ranges + used, sizeof p->ranges - used, "%s%s", used ? ", " : "", range);
}

int sl_is_wanted(const sl_problem *p, const char *name) {
  for (size_t i = 0; i < p->wanted.n; i++)
    if (strcmp(p->wanted.of[i].name, name) == 0) return 1;
  return 0;
}

size_t sl_size_wanted(sl_problem *p, const char *name, size_t drawn, size_t low, size_t high) {
  note_range(p, name, low, high);
  for (size_t i = 0; i < p->wanted.n; i++) {
    if (strcmp(p->wanted.of[i].name, name) != 0) continue;
    const size_t size = p->wanted.of[i].size;
    p->wanted.of[i].taken = 1;
    if (size >= low && size <= high) return size;
    snprintf(p->refused, sizeof p->refused, "%s=%zu", name, size);
  }
  return drawn;
}

size_t sl_size(sl_problem *p, const char *name, size_t low, size_t high, size_t *budget) {
  static const size_t boundary[] = {0,
                                    1,
                                    2,
                                    3,
                                    4,
                                    5,
                                    6,
                                    7,
                                    8,
                                    9,
                                    13,
                                    15,
                                    16,
                                    17,
                                    31,
                                    32,
                                    33,
                                    48,
                                    61,
                                    63,
                                    64,
                                    65,
                                    97,
                                    96,
                                    127,
                                    128,
                                    129,
                                    251,
                                    SL_DOT_CHUNK,
                                    SL_DOT_CHUNK - 1,
                                    SL_DOT_CHUNK + 1,
                                    2 * SL_DOT_CHUNK,
                                    2 * SL_DOT_CHUNK + 1,
                                    SL_SUM_CHUNK - 1,
                                    SL_SUM_CHUNK,
                                    SL_SUM_CHUNK + 1,
                                    2 * SL_SUM_CHUNK + 33};
  const size_t top = high < *budget ? high : *budget < low ? low : *budget;
  size_t n = low + sl_source_below(&p->source, (uint32_t)(top - low + 1));
  if (sl_source_below(&p->source, 4)) {
    const size_t b = boundary[sl_source_below(&p->source, sizeof boundary / sizeof *boundary)];
    if (b >= low && b <= top) n = b;
  }
  if (p->wanted.n && n == 0) n = 1;
  if (sl_is_wanted(p, name)) return sl_size_wanted(p, name, n, low, high);
  note_range(p, name, low, high);
  *budget /= n ? n : 1;
  if (p->wanted.n && *budget == 0) *budget = 1;
  return n;
}

/* The length of a sequence of at most `left` tokens. */
static size_t sequence_length(sl_problem *p, size_t left) {
  size_t budget = left;
  const sl_wanted_sizes wanted = p->wanted;
  p->wanted.n = 0; /* t is that of all sequences */
  const size_t length =
      left && sl_source_below(&p->source, 5) ? sl_size(p, "length", 0, left, &budget) : 0;
  p->wanted = wanted;
  return length;
}

const uint32_t *sl_add_seq(sl_problem *p, size_t tokens, size_t *n_seq) {
  size_t n = sl_source_below(&p->source, 12) ? 1 + sl_source_below(&p->source, 6) : 0;
  const size_t t = sl_size_wanted(p, "t", SIZE_MAX, 1, tokens);
  if (t != SIZE_MAX) tokens = t;
  if (t != SIZE_MAX && n == 0) n = 1;
  uint32_t *seq = sl_add(p, "seq", SL_U32, SL_IN, n + 1);
  p->array[p->arrays - 1].host_only = 1;
  for (size_t i = 0; i < n; i++)
    seq[i + 1] = seq[i] + (uint32_t)sequence_length(p, tokens - seq[i]);
  if (t != SIZE_MAX) seq[n] = (uint32_t)t;
  *n_seq = n;
  return seq;
}

const uint8_t *sl_add_mask(sl_problem *p, size_t t) {
  uint8_t *mask = sl_add(p, "mask", SL_U8, SL_IN, t);
  const uint32_t pattern = sl_source_below(&p->source, 12);
  for (size_t i = 0; i < t; i++)
    mask[i] = pattern == 0  ? 0
              : pattern < 4 ? 1
                            : (uint8_t)sl_source_below(&p->source, 2 + pattern % 3);
  return mask;
}

uint32_t *sl_add_ids(sl_problem *p, const char *name, size_t t, size_t n) {
  uint32_t *ids = sl_add(p, name, SL_U32, SL_IN, t);
  const uint32_t few = n > 3 && sl_source_below(&p->source, 2) ? 3 : (uint32_t)n;
  for (size_t i = 0; i < t; i++) ids[i] = sl_source_below(&p->source, few);
  return ids;
}

float sl_poison(sl_problem *p) {
  static const float poison[] = {NAN, INFINITY, -INFINITY, 1e30f};
  return poison[sl_source_below(&p->source, 4)];
}
