/* Tokens of a gate file (spec G1.1). */
#ifndef SLUICE_GATE_LEXER_H
#define SLUICE_GATE_LEXER_H

#include <sluice/status.h>

#include <stddef.h>

typedef enum {
  SL_TOKEN_END,
  SL_TOKEN_NUMBER,
  SL_TOKEN_NAME,
  SL_TOKEN_STRING,
  SL_TOKEN_SIGN
} sl_token_kind;

typedef struct {
  sl_token_kind kind;
  const char *start;
  size_t size;
  int line, column;
} sl_token;

typedef struct {
  const char *file, *text, *at, *end;
  int line, column;
  sl_token token; /* the one looked at */
  sl_error *err;
} sl_lexer;

/* Starts at the first token. All return SL_OK or SL_ERR_INPUT with file:line:column in err. */
sl_status sl_lexer_start(sl_lexer *lex, const char *text, size_t size, const char *file,
                         sl_error *err);
sl_status sl_lexer_next(sl_lexer *lex);
int sl_token_is(const sl_token *token, const char *text);
sl_status sl_lexer_expected(const sl_lexer *lex,
                            const char *what); /* "file:1:2: expected what, found ..." */
sl_status sl_lexer_reject(const sl_lexer *lex, const sl_token *token, const char *message);

#endif
