/* The tokens of a gate file: names, numbers, strings in double quotes, signs; '#' starts a comment
 * (spec G1.1). */
#include "lexer.h"

#include <ctype.h>
#include <string.h>

int sl_token_is(const sl_token *token, const char *text) {
  return (token->kind == SL_TOKEN_NAME || token->kind == SL_TOKEN_SIGN) &&
         token->size == strlen(text) && memcmp(token->start, text, token->size) == 0;
}

sl_status sl_lexer_reject(const sl_lexer *lex, const sl_token *token, const char *message) {
  return sl_fail(lex->err, SL_ERR_INPUT, "%s:%d:%d: %s", lex->file, token->line, token->column,
                 message);
}

sl_status sl_lexer_expected(const sl_lexer *lex, const char *what) {
  const sl_token *t = &lex->token;
  if (t->kind == SL_TOKEN_END)
    return sl_fail(lex->err, SL_ERR_INPUT, "%s:%d:%d: expected %s, found the end of the file",
                   lex->file, t->line, t->column, what);
  return sl_fail(lex->err, SL_ERR_INPUT, "%s:%d:%d: expected %s, found '%.*s'", lex->file, t->line,
                 t->column, what, (int)(t->size < 40 ? t->size : 40), t->start);
}

/* A byte order mark, another character that is not ASCII, or a sign that starts no token. */
static sl_status reject_byte(const sl_lexer *lex, const sl_token *at) {
  static const char mark[] = "\xef\xbb\xbf";
  const unsigned byte = (unsigned char)*at->start;
  const size_t left = (size_t)(lex->end - at->start);
  const char *why = "";
  if (at->start == lex->text && left >= 3 && memcmp(at->start, mark, 3) == 0)
    why = ", the start of a byte order mark: save the file without one";
  else if (byte == '.' && at->start > lex->text && isalpha((unsigned char)at->start[-1]))
    why = ", a point after a name: functions stand alone, as exp(x)";
  else if (byte >= 0x80)
    why = ": a gate file is ASCII, without Greek letters or typographic signs";
  return sl_fail(lex->err, SL_ERR_INPUT,
                 "%s:%d:%d: expected a name, a number or a sign, found byte 0x%02x%s", lex->file,
                 at->line, at->column, byte, why);
}

static void skip_blank(sl_lexer *lex) {
  for (; lex->at < lex->end; lex->at++) {
    if (*lex->at == '#') {
      while (lex->at < lex->end && *lex->at != '\n') lex->at++;
      if (lex->at == lex->end) return;
    }
    if (*lex->at == '\n') {
      lex->line++;
      lex->column = 0;
    } else if (*lex->at != ' ' && *lex->at != '\t' && *lex->at != '\r') {
      return;
    }
    lex->column++;
  }
}

static int is_name(char c) { return isalnum((unsigned char)c) || c == '_'; }

static size_t number_size(const char *s, const char *end) {
  const char *p = s;
  while (p < end && (isdigit((unsigned char)*p) || *p == '.')) p++;
  if (p < end && (*p == 'e' || *p == 'E')) {
    const char *q = p + 1;
    if (q < end && (*q == '+' || *q == '-')) q++;
    if (q < end && isdigit((unsigned char)*q)) {
      while (q < end && isdigit((unsigned char)*q)) q++;
      p = q;
    }
  }
  return (size_t)(p - s);
}

static sl_status string_token(sl_lexer *lex, sl_token *t) {
  const char *p = lex->at + 1;
  while (p < lex->end && *p != '"' && *p != '\n' && (unsigned char)*p >= 0x20) p++;
  if (p == lex->end || *p != '"')
    return sl_lexer_reject(lex, t, "expected a closing '\"' on the same line");
  t->kind = SL_TOKEN_STRING;
  t->size = (size_t)(p + 1 - lex->at);
  return SL_OK;
}

sl_status sl_lexer_next(sl_lexer *lex) {
  skip_blank(lex);
  sl_token t = {SL_TOKEN_END, lex->at, 0, lex->line, lex->column};
  if (lex->at < lex->end) {
    const char c = *lex->at;
    if (isdigit((unsigned char)c) ||
        (c == '.' && lex->at + 1 < lex->end && isdigit((unsigned char)lex->at[1]))) {
      t.kind = SL_TOKEN_NUMBER;
      t.size = number_size(lex->at, lex->end);
    } else if (isalpha((unsigned char)c) || c == '_') {
      t.kind = SL_TOKEN_NAME;
      while (lex->at + t.size < lex->end && is_name(lex->at[t.size])) t.size++;
    } else if (c == '"') {
      SL_TRY(string_token(lex, &t));
    } else if (c != '\0' && strchr("()[],=+-*/^|<>'", c)) {
      t.kind = SL_TOKEN_SIGN;
      t.size = (c == '<' || c == '>') && lex->at + 1 < lex->end && lex->at[1] == '=' ? 2 : 1;
    } else {
      return reject_byte(lex, &t);
    }
  }
  lex->at += t.size;
  lex->column += (int)t.size;
  lex->token = t;
  return SL_OK;
}

sl_status sl_lexer_start(sl_lexer *lex, const char *text, size_t size, const char *file,
                         sl_error *err) {
  *lex = (sl_lexer){.file = file,
                    .text = text,
                    .at = text,
                    .end = text + size,
                    .line = 1,
                    .column = 1,
                    .err = err};
  return sl_lexer_next(lex);
}
