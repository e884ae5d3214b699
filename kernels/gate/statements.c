/* The statements of a gate file (spec G1.3). The words of `expect` are those of the verdicts (spec
 * G2.1 to G2.3). */
#include "statements.h"

#include "kernel_text.h"
#include "parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kernels[] = {"sigmoid", "erf", "arctan", "softsign", "clip", "identity"};

static sl_status name_or_text(sl_parser *p, char *out, size_t size, sl_token_kind kind,
                              const char *what) {
  const sl_token t = p->lex.token;
  if (t.kind != kind) return sl_lexer_expected(&p->lex, what);
  if (*out)
    return sl_lexer_reject(&p->lex, &t,
                           "expected one 'gate' and one 'cite' in a file, this is a second");
  const size_t quote = kind == SL_TOKEN_STRING, n = t.size - 2 * quote;
  if (n >= size)
    return sl_lexer_reject(&p->lex, &t,
                           kind == SL_TOKEN_STRING ? "expected a text of at most 255 characters"
                                                   : "expected a name of at most 31 characters");
  memcpy(out, t.start + quote, n);
  out[n] = '\0';
  return sl_lexer_next(&p->lex);
}

/* sides: bit 0 A <= 0, bit 1 A > 0 */
static sl_status statement_kernel(sl_parser *p, int sides) {
  sl_gate_definition *def = p->def;
  const sl_token t = p->lex.token;
  int family = 0;
  for (int s = 0; s < 2; s++)
    if ((sides >> s & 1) && def->kernel_line[s])
      return sl_lexer_reject(&p->lex, &t,
                             "expected one 'kernel' for a sign of A, this is a second");
  while (family < SL_GATE_EXPRESSION && !sl_token_is(&t, kernels[family])) family++;
  if (family == SL_GATE_EXPRESSION)
    return sl_lexer_expected(&p->lex, "sigmoid, erf, arctan, softsign, clip or identity");
  for (int s = 0; s < 2; s++)
    if (sides >> s & 1)
      def->kernel[s] = family, def->kernel_line[s] = t.line, def->kernel_column[s] = t.column;
  return sl_lexer_next(&p->lex);
}

static sl_status range(sl_parser *p, sl_decimal *low, sl_decimal *high) {
  const sl_token at = p->lex.token;
  SL_TRY(sl_parse_sign(p, "["));
  SL_TRY(sl_parse_decimal(p, low));
  SL_TRY(sl_parse_sign(p, ","));
  SL_TRY(sl_parse_decimal(p, high));
  SL_TRY(sl_parse_sign(p, "]"));
  char a[48], b[48];
  if (sl_decimal_cmp(*low, *high) <= 0) return SL_OK;
  sl_decimal_print(a, sizeof a, *low), sl_decimal_print(b, sizeof b, *high);
  return sl_fail(p->lex.err, SL_ERR_INPUT,
                 "%s:%d:%d: expected a range [low, high] with low <= high, found [%s, %s]",
                 p->lex.file, at.line, at.column, a, b);
}

static sl_status fail_default(const sl_parser *p, const sl_token *at, const sl_gate_declared *d,
                              int s) {
  char low[48], high[48], value[48];
  sl_decimal_print(low, sizeof low, d->low), sl_decimal_print(high, sizeof high, d->high);
  sl_decimal_print(value, sizeof value, d->value[s]);
  return sl_fail(p->lex.err, SL_ERR_INPUT, "%s:%d:%d: expected a default within [%s, %s], found %s",
                 p->lex.file, at->line, at->column, low, high, value);
}

/* VALUE  |  pos VALUE neg VALUE, within the range */
static sl_status param_default(sl_parser *p, sl_gate_declared *d) {
  const sl_token at = p->lex.token;
  if (sl_token_is(&at, "pos")) {
    SL_TRY(sl_lexer_next(&p->lex));
    SL_TRY(sl_parse_decimal(p, &d->value[1]));
    SL_TRY(sl_parse_sign(p, "neg"));
    SL_TRY(sl_parse_decimal(p, &d->value[0]));
  } else {
    SL_TRY(sl_parse_decimal(p, &d->value[0]));
    d->value[1] = d->value[0];
  }
  for (int s = 0; s < 2; s++)
    if (sl_decimal_cmp(d->value[s], d->low) < 0 || sl_decimal_cmp(d->value[s], d->high) > 0)
      return fail_default(p, &at, d, s);
  return SL_OK;
}

/* param NAME in [low, high] default VALUE  |  default pos VALUE neg VALUE */
static sl_status statement_param(sl_parser *p) {
  sl_gate_definition *def = p->def;
  if (def->param_count == SL_GATE_PARAMETER_LIMIT)
    return sl_lexer_reject(&p->lex, &p->lex.token, "expected at most 8 parameters");
  sl_gate_declared *d = &def->param[def->param_count];
  SL_TRY(sl_parse_new_name(p, d->name));
  SL_TRY(sl_parse_sign(p, "in"));
  SL_TRY(range(p, &d->low, &d->high));
  SL_TRY(sl_parse_sign(p, "default"));
  SL_TRY(param_default(p, d));
  memcpy(def->param_name[def->param_count++], d->name, sizeof d->name);
  return SL_OK;
}

/* old NAME: the gate has a second argument, the token's probability under the old policy. */
static sl_status statement_old(sl_parser *p, const sl_token *at) {
  sl_gate_definition *def = p->def;
  if (def->old >= 0)
    return sl_lexer_reject(&p->lex, at, "expected one 'old' in a file, this is a second");
  if (def->param_count == SL_GATE_PARAMETER_LIMIT)
    return sl_lexer_reject(&p->lex, at, "expected at most 8 parameters, 'old' being one");
  sl_gate_declared *d = &def->param[def->param_count];
  SL_TRY(sl_parse_new_name(p, d->name));
  d->low = (sl_decimal){0, 0};
  d->high = d->value[0] = d->value[1] = (sl_decimal){1, 0};
  def->old = def->param_count;
  memcpy(def->param_name[def->param_count++], d->name, sizeof d->name);
  return SL_OK;
}

static sl_status statement_let(sl_parser *p) {
  if (p->let_count == SL_LET_LIMIT)
    return sl_lexer_reject(&p->lex, &p->lex.token, "expected at most 64 'let'");
  char name[SL_GATE_NAME_SIZE];
  sl_ref ref = 0;
  SL_TRY(sl_parse_new_name(p, name));
  SL_TRY(sl_parse_sign(p, "="));
  SL_TRY(sl_parse_expression(p, &ref));
  memcpy(p->let[p->let_count].name, name, sizeof name);
  p->let[p->let_count++].ref = ref;
  return SL_OK;
}

/* sides: bit 0 A <= 0, bit 1 A > 0 */
static sl_status statement_root(sl_parser *p, const sl_token *at, int sides, int is_weight) {
  sl_gate_definition *def = p->def;
  for (int s = 0; s < 2; s++)
    if ((sides >> s & 1) && (def->f[s] != SL_NO_REF || def->w[s] != SL_NO_REF))
      return sl_lexer_reject(
          &p->lex, at, "expected one definition of f or weight for a sign of A, this is a second");
  sl_ref ref = 0;
  if (sl_token_is(&p->lex.token, "'"))
    return sl_lexer_expected(&p->lex, "'=' (f' alone is given as 'weight = ...')");
  SL_TRY(sl_parse_sign(p, "="));
  SL_TRY(sl_parse_pieces(p, &ref));
  for (int s = 0; s < 2; s++)
    if (sides >> s & 1) (is_weight ? def->w : def->f)[s] = ref;
  return SL_OK;
}

static sl_status expect_word(sl_parser *p, sl_gate_expectation *out) {
  static const char *const words[] = {"", "proved", "strict", "weak", "refuted", "undecided"};
  for (int i = 1; i <= SL_EXPECT_UNDECIDED; i++)
    if (sl_token_is(&p->lex.token, words[i])) {
      *out = (sl_gate_expectation)i;
      return sl_lexer_next(&p->lex);
    }
  return sl_lexer_expected(&p->lex,
                           "proved, strict, weak, refuted or undecided (for P1, P2, P3, P4)");
}

static sl_status statement_expect(sl_parser *p, const sl_token *at, int sides) {
  sl_gate_expectation word[4];
  for (int s = 0; s < 2; s++)
    if ((sides >> s & 1) && p->def->expect[s][0] != SL_EXPECT_NONE)
      return sl_lexer_reject(&p->lex, at,
                             "expected one 'expect' for a sign of A, this is a second");
  for (int i = 0; i < 4; i++) SL_TRY(expect_word(p, &word[i]));
  for (int s = 0; s < 2; s++)
    if (sides >> s & 1) memcpy(p->def->expect[s], word, sizeof word);
  return SL_OK;
}

/* sup(E) or inf(E) is E for all r. *bound: 1 sup, -1 inf, 0 neither. */
static sl_status requirement_left(sl_parser *p, sl_ref *left, int *bound) {
  *bound = sl_token_is(&p->lex.token, "sup") ? 1 : sl_token_is(&p->lex.token, "inf") ? -1 : 0;
  if (!*bound) return sl_parse_expression(p, left);
  SL_TRY(sl_lexer_next(&p->lex));
  SL_TRY(sl_parse_sign(p, "("));
  SL_TRY(sl_parse_expression(p, left));
  return sl_parse_sign(p, ")");
}

static sl_status requirement_ranges(sl_parser *p, sl_gate_requirement *q) {
  if (!sl_token_is(&p->lex.token, "for")) return SL_OK;
  do {
    SL_TRY(sl_lexer_next(&p->lex));
    const sl_token t = p->lex.token;
    const int i = sl_parse_param_index(p, &t), is_r = sl_token_is(&t, "r");
    if (i < 0 && !is_r) return sl_lexer_expected(&p->lex, "r or a parameter");
    SL_TRY(sl_lexer_next(&p->lex));
    SL_TRY(sl_parse_sign(p, "in"));
    SL_TRY(range(p, is_r ? &q->r_low : &q->low[i], is_r ? &q->r_high : &q->high[i]));
    if (is_r && q->r_low.m < 0) return sl_lexer_reject(&p->lex, &t, "expected a range of r >= 0");
    if (!is_r) q->ranged |= 1u << i;
  } while (sl_token_is(&p->lex.token, ","));
  return SL_OK;
}

/* left <= right, whichever way round the file says it */
static sl_status requirement_sides(sl_parser *p, sl_gate_requirement *q) {
  sl_ref left = 0, right = 0;
  int bound;
  SL_TRY(requirement_left(p, &left, &bound));
  const int below = sl_token_is(&p->lex.token, "<="), above = sl_token_is(&p->lex.token, ">=");
  if ((!below && !above) || (bound > 0 && above) || (bound < 0 && below))
    return sl_lexer_expected(&p->lex, bound > 0 ? "'<='" : bound < 0 ? "'>='" : "'<=' or '>='");
  SL_TRY(sl_lexer_next(&p->lex));
  SL_TRY(sl_parse_expression(p, &right));
  q->left = below ? left : right, q->right = below ? right : left;
  return SL_OK;
}

/* The requirement as the file spells it, without a comment, on one line. */
static void requirement_text(sl_gate_requirement *q, const char *start, const char *end) {
  while (end > start && (unsigned char)end[-1] <= ' ') end--;
  const char *line_end = memchr(start, '#', (size_t)(end - start));
  snprintf(q->text, sizeof q->text, "%.*s", (int)((line_end ? line_end : end) - start), start);
  for (char *c = q->text; *c; c++)
    if ((unsigned char)*c < ' ') *c = ' ';
}

static sl_status statement_require(sl_parser *p) {
  sl_gate_definition *def = p->def;
  if (def->requirement_count == SL_GATE_REQUIREMENT_LIMIT)
    return sl_lexer_reject(&p->lex, &p->lex.token, "expected at most 16 requirements");
  sl_gate_requirement *q = &def->requirement[def->requirement_count];
  const sl_token start = p->lex.token;
  *q = (sl_gate_requirement){.r_high = {0, INT32_MAX}};
  p->properties = 1;
  p->value_line = p->value_column = 0;
  SL_TRY(requirement_sides(p, q));
  p->properties = 0;
  q->value_line = p->value_line, q->value_column = p->value_column;
  SL_TRY(requirement_ranges(p, q));
  requirement_text(q, start.start, p->lex.token.start);
  def->requirement_count++;
  return SL_OK;
}

static sl_status statement(sl_parser *p) {
  const sl_token t = p->lex.token;
  int sides = 3;
  SL_TRY(sl_lexer_next(&p->lex));
  if (sl_token_is(&t, "gate"))
    return name_or_text(p, p->def->name, sizeof p->def->name, SL_TOKEN_NAME, "the gate's name");
  if (sl_token_is(&t, "cite"))
    return name_or_text(p, p->def->cite, sizeof p->def->cite, SL_TOKEN_STRING,
                        "a text in double quotes");
  if (sl_token_is(&t, "param")) return statement_param(p);
  if (sl_token_is(&t, "let")) return statement_let(p);
  if (sl_token_is(&t, "old")) return statement_old(p, &t);
  if (sl_token_is(&t, "require")) return statement_require(p);
  sl_token what = t;
  if (sl_token_is(&t, "pos") || sl_token_is(&t, "neg")) {
    sides = sl_token_is(&t, "pos") ? 2 : 1;
    what = p->lex.token;
    SL_TRY(sl_lexer_next(&p->lex));
  }
  if (sl_token_is(&what, "expect")) return statement_expect(p, &what, sides);
  if (sl_token_is(&what, "kernel")) return statement_kernel(p, sides);
  if (sl_token_is(&what, "f") || sl_token_is(&what, "weight"))
    return statement_root(p, &what, sides, sl_token_is(&what, "weight"));
  p->lex.token = what;
  return sl_lexer_expected(&p->lex, sides == 3 ? "a statement (gate, cite, kernel, param, old, "
                                                 "let, f, weight, pos, neg, require, expect)"
                                               : "f, weight, kernel or expect");
}

/* spec G1.3: a kernel's parameter is declared under its name. */
static sl_status check_kernel_parameter(const sl_parser *p, int s) {
  const sl_gate_definition *def = p->def;
  const char *name = sl_gate_kernel_parameter(def->kernel[s], s);
  for (int i = 0; name && i < def->param_count; i++)
    if (strcmp(def->param[i].name, name) == 0) return SL_OK;
  if (!name) return SL_OK;
  return sl_fail(p->lex.err, SL_ERR_INPUT,
                 "%s:%d:%d: expected a parameter %s in the file, for kernel %s and A %s 0",
                 def->file, def->kernel_line[s], def->kernel_column[s], name,
                 kernels[def->kernel[s]], s ? ">" : "<=");
}

sl_status sl_gate_kernel_parse(sl_gate_definition *out, int kernel, sl_error *err) {
  const char *text = sl_gate_builtin_text(kernels[kernel]);
  if (!text) return sl_fail(err, SL_ERR_INPUT, "there is no built-in gate %s", kernels[kernel]);
  return sl_gate_definition_parse(out, text, strlen(text), kernels[kernel], err);
}

/* The kernel's parameters that the file lacks become its own: none may have a let's name. */
static sl_status check_kernel_names(const sl_parser *p, const sl_gate_definition *from, int s) {
  const sl_gate_definition *def = p->def;
  for (int k = 0; k < from->param_count; k++)
    for (int i = 0; i < p->let_count; i++)
      if (strcmp(from->param[k].name, p->let[i].name) == 0)
        return sl_fail(p->lex.err, SL_ERR_INPUT,
                       "%s:%d:%d: expected no 'let %s' beside kernel %s, whose parameter it is",
                       def->file, def->kernel_line[s], def->kernel_column[s], p->let[i].name,
                       from->name);
  return SL_OK;
}

static sl_status complete_from_kernel(sl_parser *p, int s) {
  sl_gate_definition *def = p->def;
  if (def->f[s] != SL_NO_REF || def->w[s] != SL_NO_REF || def->kernel[s] == SL_GATE_EXPRESSION)
    return SL_OK;
  sl_gate_definition *from = calloc(1, sizeof *from);
  if (!from) return sl_fail(p->lex.err, SL_ERR_MEMORY, "%s: no memory for a gate", def->file);
  sl_status status = sl_gate_kernel_parse(from, def->kernel[s], p->lex.err);
  if (status == SL_OK) status = check_kernel_names(p, from, s);
  if (status == SL_OK) status = sl_gate_kernel_complete(def, from, s, p->lex.err);
  sl_tree_clear(&from->tree);
  free(from);
  return status;
}

/* spec G1.3: a requirement of f needs an f. */
static sl_status check_requirement_values(const sl_parser *p, int s) {
  const sl_gate_definition *def = p->def;
  for (int i = 0; def->f[s] == SL_NO_REF && i < def->requirement_count; i++) {
    const sl_gate_requirement *q = &def->requirement[i];
    if (q->value_line)
      return sl_fail(p->lex.err, SL_ERR_INPUT,
                     "%s:%d:%d: expected a requirement of f' alone, found f: for A %s 0 this file "
                     "gives a weight alone; f is not given",
                     def->file, q->value_line, q->value_column, s ? ">" : "<=");
  }
  return SL_OK;
}

/* What only the end of the file shows: a name, both sides, the parameters of a kernel. */
static sl_status check_complete(sl_parser *p) {
  sl_gate_definition *def = p->def;
  if (def->old >= 0)
    for (int s = 0; s < 2; s++)
      if (def->kernel[s] != SL_GATE_EXPRESSION || def->requirement_count)
        return sl_lexer_reject(&p->lex, &p->lex.token,
                               "expected no 'kernel' and no 'require' in a file with 'old'");
  if (!def->name[0])
    return sl_lexer_expected(&p->lex, "a statement 'gate NAME' somewhere in the file");
  for (int s = 0; s < 2; s++) SL_TRY(complete_from_kernel(p, s));
  for (int s = 0; s < 2; s++)
    if (def->f[s] == SL_NO_REF && def->w[s] == SL_NO_REF)
      return sl_lexer_expected(&p->lex, s ? "'f = ...' or 'weight = ...' for A > 0"
                                          : "'f = ...' or 'weight = ...' for A <= 0");
  for (int s = 1; s >= 0; s--) SL_TRY(check_requirement_values(p, s));
  SL_TRY(check_kernel_parameter(p, 0));
  return check_kernel_parameter(p, 1);
}

sl_status sl_gate_definition_parse(sl_gate_definition *def, const char *text, size_t size,
                                   const char *file, sl_error *err) {
  memset(def, 0, sizeof *def);
  def->kernel[0] = def->kernel[1] = SL_GATE_EXPRESSION;
  def->old = -1;
  for (int s = 0; s < 2; s++) def->f[s] = def->w[s] = SL_NO_REF;
  snprintf(def->file, sizeof def->file, "%s", file);
  if (size > 65536)
    return sl_fail(err, SL_ERR_INPUT,
                   "%s:1:1: expected a gate file of at most 64 KiB, found %zu bytes", file, size);
  sl_parser p = {.def = def};
  SL_TRY(sl_lexer_start(&p.lex, text, size, file, err));
  while (p.lex.token.kind != SL_TOKEN_END) SL_TRY(statement(&p));
  return check_complete(&p);
}
