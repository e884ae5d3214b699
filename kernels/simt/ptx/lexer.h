/* Tokens of PTX. A word may hold dots (add.rn.f32, %tid.x); a directive begins with one. */
#ifndef SLUICE_SIMT_PTX_LEXER_H
#define SLUICE_SIMT_PTX_LEXER_H

#include "program.h"

namespace simt::ptx {

struct token {
  enum class kind { word, directive, number, real32, real64, string, mark, end };
  kind is;
  std::string_view text;
  uint64_t value;
  unsigned line;
};

class lexer {
 public:
  explicit lexer(const module_text &module);
  const token &peek() const { return next_; }
  token take();
  bool at(char mark) const { return next_.is == token::kind::mark && next_.text[0] == mark; }
  bool take_if(char mark);
  void expect(char mark);
  token expect(token::kind kind, const char *what);
  size_t integer(const char *what); /* not a real */
  [[noreturn]] void fail(unsigned line, const std::string &what) const;
  [[noreturn]] void expected(const std::string &what) const; /* and not what stands there */

 private:
  void advance();
  void skip_blanks();
  void number();

  const std::string &path_, &text_;
  size_t at_ = 0;
  unsigned line_ = 1;
  token next_;
};

}  // namespace simt::ptx

#endif
