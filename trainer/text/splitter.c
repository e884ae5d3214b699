/* Matches of an expression (spec F7.3). PCRE2's JIT is used where there is one; with and without
 * it, steps, depth and memory of a match are bounded. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "splitter.h"

#include <pcre2.h>
#include <stdlib.h>

#define MATCH_STEPS 10000000
#define MATCH_DEPTH 100000
#define HEAP_KIB (64u << 10)
#define JIT_STACK ((size_t)8 << 20)
#define GROUPS_DEEP 64

struct sl_splitter {
  pcre2_code *code;
  pcre2_match_data *match;
  pcre2_match_context *limits;
  pcre2_jit_stack *stack;
  int has_jit;
};

void sl_splitter_destroy(sl_splitter *s) {
  if (!s) return;
  pcre2_code_free(s->code);
  pcre2_match_data_free(s->match);
  pcre2_match_context_free(s->limits);
  pcre2_jit_stack_free(s->stack);
  free(s);
}

/* Without what PCRE2 derives of possessive quantifiers: 10.42 takes \P{Nl} and \P{Lo} for two sets
 * that share nothing. */
static sl_status compile(sl_splitter *s, const char *expression, sl_error *err) {
  const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY |
                           PCRE2_NO_AUTO_POSSESS;
  pcre2_compile_context *context = pcre2_compile_context_create(NULL);
  if (!context) return sl_fail(err, SL_ERR_MEMORY, "no memory for an expression");
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context, GROUPS_DEEP);
  int why;
  size_t at;
  s->code =
      pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED, options, &why, &at, context);
  pcre2_compile_context_free(context);
  if (s->code) return SL_OK;
  if (why == PCRE2_ERROR_HEAP_FAILED)
    return sl_fail(err, SL_ERR_MEMORY, "no memory for an expression");
  unsigned char message[200];
  pcre2_get_error_message(why, message, sizeof message);
  return sl_fail(err, SL_ERR_INPUT, "PCRE2 refuses the expression, translated to '%.300s': %s",
                 expression, (const char *)message);
}

static sl_status prepare(sl_splitter *s, sl_error *err) {
  uint32_t may_be_empty = 0;
  pcre2_pattern_info(s->code, PCRE2_INFO_MATCHEMPTY, &may_be_empty);
  if (may_be_empty)
    return sl_fail(err, SL_ERR_INPUT,
                   "the expression may match nothing, and would split "
                   "everywhere");
  s->has_jit = pcre2_jit_compile(s->code, PCRE2_JIT_COMPLETE) == 0;
  s->match = pcre2_match_data_create_from_pattern(s->code, NULL);
  s->limits = pcre2_match_context_create(NULL);
  if (s->has_jit) s->stack = pcre2_jit_stack_create(32 << 10, JIT_STACK, NULL);
  if (!s->match || !s->limits || (s->has_jit && !s->stack))
    return sl_fail(err, SL_ERR_MEMORY, "no memory for an expression");
  pcre2_set_match_limit(s->limits, MATCH_STEPS);
  pcre2_set_depth_limit(s->limits, MATCH_DEPTH);
  pcre2_set_heap_limit(s->limits, HEAP_KIB);
  if (s->has_jit) pcre2_jit_stack_assign(s->limits, NULL, s->stack);
  return SL_OK;
}

sl_status sl_splitter_create(sl_splitter **out, const char *expression, sl_error *err) {
  sl_splitter *s = calloc(1, sizeof *s);
  if (!s) return sl_fail(err, SL_ERR_MEMORY, "no memory for an expression");
  sl_status status = compile(s, expression, err);
  if (!status) status = prepare(s, err);
  if (status)
    sl_splitter_destroy(s);
  else
    *out = s;
  return status;
}

sl_status sl_splitter_next(sl_splitter *s, const char *text, size_t size, size_t from,
                           size_t *begin, size_t *end, sl_error *err) {
  const PCRE2_SPTR at = (PCRE2_SPTR)text;
  const int found =
      s->has_jit ? pcre2_jit_match(s->code, at, size, from, 0, s->match, s->limits)
                 : pcre2_match(s->code, at, size, from, PCRE2_NO_UTF_CHECK, s->match, s->limits);
  if (found == PCRE2_ERROR_NOMATCH) {
    *begin = *end = size;
    return SL_OK;
  }
  if (found < 0) {
    unsigned char message[200];
    pcre2_get_error_message(found, message, sizeof message);
    return sl_fail(err, SL_ERR_INPUT, "byte %zu: splitting is given up: %s", from,
                   (const char *)message);
  }
  const size_t *offsets = pcre2_get_ovector_pointer(s->match);
  *begin = offsets[0], *end = offsets[1];
  return SL_OK;
}
