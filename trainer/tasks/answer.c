/* When two answers are equal (spec F3.12, F3.13). */
#include "answer.h"

#include "answer_value.h"

#include <string.h>

/* An answer in one spelling, and its value where it has one. */
typedef struct {
  const char *begin; /* as it stands in its text */
  size_t size;
  int is_long; /* nothing below holds */
  char clean[3 * SL_ANSWER_TEXT_MAX + 1];
} spelt;

static void spell(spelt *s, const char *text) {
  sl_answer_find(text, strlen(text), &s->begin, &s->size);
  s->is_long = s->size > SL_ANSWER_TEXT_MAX;
  if (!s->is_long) sl_answer_clean(s->clean, s->begin, s->size);
}

/* 50 % is 1/2, and 50 too: data sets and models drop the sign. */
static int equal_but_percent(const sl_number *percent, const sl_number *other) {
  const sl_rational hundred = sl_rational_of(100, 1);
  const sl_number factor = sl_number_of(&hundred);
  sl_number dropped;
  int left = SL_NUMBER_TERMS * (2 * SL_NATURAL_LIMBS + 2);
  return sl_number_multiply(&dropped, percent, &factor, &left) && sl_number_equal(&dropped, other);
}

static int equal_numbers(const sl_answer_number *a, const sl_answer_number *b) {
  if (a->infinite || b->infinite) return a->infinite == b->infinite;
  if (sl_number_equal(&a->x, &b->x)) return 1;
  if (a->percent == b->percent) return 0;
  return a->percent ? equal_but_percent(&a->x, &b->x) : equal_but_percent(&b->x, &a->x);
}

static int equal_groups(const sl_answer_value *a, const sl_answer_group *g,
                        const sl_answer_value *b, const sl_answer_group *h) {
  if (g->open != h->open || g->close != h->close || g->n != h->n) return 0;
  for (size_t i = 0; i < g->n; i++)
    if (!equal_numbers(&a->number[g->first + i], &b->number[h->first + i])) return 0;
  return 1;
}

/* y = 5 is another answer than x = 5. */
static int other_names(const sl_answer_value *a, const sl_answer_value *b) {
  return a->name_size && b->name_size &&
         (a->name_size != b->name_size || memcmp(a->name, b->name, a->name_size) != 0);
}

/* In any order: each group of one has its own of the other. */
static int equal_values(const sl_answer_value *a, const sl_answer_value *b) {
  unsigned taken = 0;
  if (other_names(a, b)) return 0;
  if (a->n_groups != b->n_groups || a->is_union != b->is_union) return 0;
  for (size_t i = 0; i < a->n_groups; i++) {
    size_t j = 0;
    while (j < b->n_groups && ((taken >> j & 1) || !equal_groups(a, &a->group[i], b, &b->group[j])))
      j++;
    if (j == b->n_groups) return 0;
    taken |= 1u << j;
  }
  return 1;
}

static int equal_spelt(spelt *a, spelt *b, sl_grade_by *by) {
  sl_answer_value x, y;
  *by = SL_GRADE_BY_TEXT;
  if (a->is_long || b->is_long)
    return a->size == b->size && memcmp(a->begin, b->begin, a->size) == 0;
  if (!*b->clean) return 0;
  if (sl_answer_read(&y, b->clean) && sl_answer_read(&x, a->clean)) {
    *by = SL_GRADE_BY_VALUE;
    return equal_values(&x, &y);
  }
  sl_answer_text(a->clean), sl_answer_text(b->clean);
  return strcmp(a->clean, b->clean) == 0;
}

int sl_answer_equal(const char *text, const char *gold, sl_grade_by *by) {
  spelt a, b;
  sl_grade_by ignored;
  spell(&a, text), spell(&b, gold);
  return equal_spelt(&a, &b, by ? by : &ignored);
}

int sl_answer_has_value(const char *text) {
  spelt s;
  sl_answer_value v;
  spell(&s, text);
  return !s.is_long && *s.clean && sl_answer_read(&v, s.clean);
}

int sl_answer_has_content(const char *text) {
  spelt s;
  spell(&s, text);
  return s.is_long || *s.clean;
}
