/* Shapes of ops, what their inputs must be, and their outputs (spec E2.4 to E2.6). */
#include "op.h"
#include "fail.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void sl_note(sl_notes *notes, const char *format, ...) {
  if (!notes) return;
  va_list args;
  va_start(args, format);
  vfprintf(notes, format, args);
  va_end(args);
  fputc('\n', notes);
}

size_t sl_op_inputs(const sl_op *op) {
  size_t n = 0;
  while (n < SL_OP_INPUTS && op->in[n].name) n++;
  return n;
}

size_t sl_op_drawn(const sl_op *op) {
  size_t n = sl_op_inputs(op);
  while (n && op->in[n - 1].only_dumps) n--;
  return n;
}

size_t sl_op_outputs(const sl_op *op) {
  size_t n = 0;
  while (n < SL_OP_OUTPUTS && op->out[n].name) n++;
  return n;
}

size_t sl_op_settings(const sl_op *op) {
  size_t n = 0;
  while (n < SL_OP_SETTINGS && op->setting[n].name) n++;
  return n;
}

sl_op_case sl_op_case_of(const sl_op *op) {
  sl_op_case c = {.op = op, .contract = sl_contract_default()};
  for (size_t i = 0; i < sl_op_settings(op); i++) c.setting[i] = op->setting[i].value;
  return c;
}

size_t sl_op_size(const sl_op_case *c, char letter) { return c->size[letter - 'a']; }

sl_status sl_op_shape_parse(sl_op_case *c, const char *text, sl_error *err) {
  sl_op_case made = *c;
  unsigned long seen = 0; /* letters */
  while (*text) {
    char *end = NULL;
    const char letter = *text;
    if (!strchr(c->op->sizes, letter) || text[1] != '=')
      return sl_contract_fail(err, SL_ERR_USAGE,
                              "shape: '%s': %s has the sizes %s, as in %c=64,...", text,
                              c->op->name, c->op->sizes, c->op->sizes[0]);
    const unsigned long long n = strtoull(text + 2, &end, 10);
    if (text[2] < '0' || text[2] > '9' || n == 0 || n > 0x100000000 || (*end && *end != ','))
      return sl_contract_fail(err, SL_ERR_USAGE, "shape: '%s': a size is from 1 to 2^32", text);
    if (seen >> (letter - 'a') & 1)
      return sl_contract_fail(err, SL_ERR_USAGE, "shape: '%s': %c is there twice", text, letter);
    seen |= 1UL << (letter - 'a');
    made.size[letter - 'a'] = (size_t)n;
    text = *end ? end + 1 : end;
  }
  *c = made;
  return SL_OK;
}

void sl_op_shape_print(char out[SL_OP_SHAPE_TEXT], const sl_op_case *c) {
  size_t n = 0;
  out[0] = '\0';
  for (const char *s = c->op->sizes; *s && n < SL_OP_SHAPE_TEXT; s++)
    n += (size_t)snprintf(out + n, SL_OP_SHAPE_TEXT - n, "%s%c=%zu", n ? "," : "", *s,
                          sl_op_size(c, *s));
}

size_t sl_op_count_of(const sl_op_case *c, const sl_op_tensor *tensor) {
  size_t n = 1;
  for (const char *s = tensor->shape; *s; s++) {
    const size_t factor = *s >= '0' && *s <= '9' ? (size_t)(*s - '0') : sl_op_size(c, *s);
    if (__builtin_mul_overflow(n, factor, &n)) return SIZE_MAX;
  }
  return n;
}

/* The number of the choice of that name, or -1. */
static int choice_of(const char *choices, const char *name) {
  int number = 0;
  for (const char *at = choices; *at; number++) {
    const size_t n = strcspn(at, "|");
    if (strlen(name) == n && strncmp(at, name, n) == 0) return number;
    at += n + (at[n] == '|');
  }
  return -1;
}

static int setting_is_valid(const sl_op *op, size_t i, double x) {
  const sl_op_setting *s = &op->setting[i];
  return x >= s->low && x <= s->high && (!op->choices[i] || x == floor(x));
}

sl_status sl_op_setting_parse(sl_op_case *c, const char *text, sl_error *err) {
  const char *equals = strchr(text, '=');
  char *end;
  for (size_t i = 0; equals && i < sl_op_settings(c->op); i++) {
    const sl_op_setting *s = &c->op->setting[i];
    const char *choices = c->op->choices[i];
    if (strlen(s->name) != (size_t)(equals - text) || strncmp(s->name, text, strlen(s->name)) != 0)
      continue;
    const int number = choices ? choice_of(choices, equals + 1) : -1;
    const double x = number >= 0 ? number : strtod(equals + 1, &end);
    if (number >= 0 || (*end == '\0' && end > equals + 1 && setting_is_valid(c->op, i, x))) {
      c->setting[i] = x;
      return SL_OK;
    }
    if (choices) return sl_contract_fail(err, SL_ERR_USAGE, "%s: may be %s", text, choices);
    return sl_contract_fail(err, SL_ERR_USAGE, "%s: from %g to %g", text, s->low, s->high);
  }
  return sl_contract_fail(err, SL_ERR_USAGE, "%s: %s has no such setting", text, c->op->name);
}

void sl_op_setting_text(char *out, size_t size, const sl_op_case *c, size_t setting) {
  const char *choices = c->op->choices[setting];
  if (!choices) {
    snprintf(out, size, "%.9g", c->setting[setting]);
    return;
  }
  for (int k = (int)c->setting[setting]; k > 0; k--) choices += strcspn(choices, "|") + 1;
  snprintf(out, size, "%.*s", (int)strcspn(choices, "|"), choices);
}

static sl_status check_element(const sl_op_case *c, const sl_op_tensor *tensor, size_t index,
                               double x, sl_error *err) {
  const double below = tensor->below ? (double)sl_op_size(c, tensor->below) : 0.0;
  switch (tensor->kind) {
    case SL_TENSOR_LOGIT:
      if (isfinite(x) || (isinf(x) && x < 0.0)) return SL_OK;
      break;
    case SL_TENSOR_POSITIVE:
      if (x >= 0.0 && isfinite(x)) return SL_OK;
      if (!isfinite(x)) break;
      return sl_contract_fail(err, SL_ERR_INPUT, "%s[%zu] is %g: it must not be below 0",
                              tensor->name, index, x);
    case SL_TENSOR_REAL:
      if (isfinite(x)) return SL_OK;
      break;
    case SL_TENSOR_FLAG:
      if (x == 0.0 || x == 1.0) return SL_OK;
      return sl_contract_fail(err, SL_ERR_INPUT, "%s[%zu] is %g: it must be 0 or 1", tensor->name,
                              index, x);
    default: {
      const double least = tensor->kind == SL_TENSOR_LENGTH ? 1.0 : 0.0;
      if (x >= least && x < below + least && x == floor(x)) return SL_OK;
      return sl_contract_fail(err, SL_ERR_INPUT, "%s[%zu] is %g: it must be whole, from %g to %g",
                              tensor->name, index, x, least, below + least - 1.0);
    }
  }
  return sl_contract_fail(err, SL_ERR_NONFINITE, "%s[%zu] is %g", tensor->name, index, x);
}

sl_status sl_op_check(const sl_op_case *c, sl_error *err) {
  const sl_op *op = c->op;
  for (const char *s = op->sizes; *s; s++)
    if (sl_op_size(c, *s) == 0)
      return sl_contract_fail(err, SL_ERR_INPUT, "%s: the size %c is not given", op->name, *s);
  for (size_t i = 0; i < sl_op_settings(op); i++)
    if (!setting_is_valid(op, i, c->setting[i]))
      return sl_contract_fail(err, SL_ERR_INPUT, "%s: %s is %g", op->name, op->setting[i].name,
                              c->setting[i]);
  for (size_t i = 0; i < sl_op_inputs(op); i++) {
    if (!c->in[i] && !op->in[i].optional)
      return sl_contract_fail(err, SL_ERR_INPUT, "%s: there is no %s", op->name, op->in[i].name);
    const size_t n = c->in[i] ? sl_op_count_of(c, &op->in[i]) : 0;
    for (size_t e = 0; e < n; e++)
      if (!op->reads || op->reads(c, (int)i, e))
        SL_TRY(check_element(c, &op->in[i], e, c->in[i][e], err));
  }
  return op->check ? op->check(c, err) : SL_OK;
}

sl_status sl_op_bounds(const sl_op_case *c, int out, size_t begin, size_t end, sl_ball *balls,
                       sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  const sl_status status = c->op->walk(c, out, begin, end, balls, notes);
  if (status || begin == end) return status;
  const double walked = balls[0].rad;
  for (size_t i = 0; i < end - begin; i++) {
    balls[i].rad *= 1.0 + 0x1p-20; /* rad itself was computed in binary64 */
    if (!(balls[i].rad >= 0.0)) balls[i].rad = INFINITY;
    balls[i] = sl_arith_output(&r, balls[i]);
  }
  if (c->contract.out != c->contract.acc)
    sl_note(notes, "  stored as %s: half an ulp at |exact| + bound, %.3g, makes %.3g",
            sl_format_name(c->contract.out), balls[0].rad - walked, balls[0].rad);
  sl_note(notes, "  exact %.9g, bound %.3g", balls[0].mid, balls[0].rad);
  return SL_OK;
}
