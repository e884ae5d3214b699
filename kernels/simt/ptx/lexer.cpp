/* Tokens of PTX (ISA 4.4 and 4.5). */
#include "lexer.h"

#include <cctype>

namespace simt::ptx {

namespace {

bool begins_word(char c) {
  return isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%';
}
bool in_word(char c) {
  return isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%';
}

int hex_digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

}  // namespace

lexer::lexer(const module_text &module) : path_(module.path), text_(module.text) { advance(); }

void lexer::fail(unsigned line, const std::string &what) const {
  throw bad_program(path_, line, what);
}

static std::string printable(std::string_view text) {
  std::string shown;
  for (const char c : text.substr(0, 40))
    if (isprint(static_cast<unsigned char>(c))) {
      shown += c;
    } else {
      constexpr char digits[] = "0123456789abcdef";
      shown += {'\\', 'x', digits[static_cast<unsigned char>(c) >> 4], digits[c & 15]};
    }
  return shown;
}

void lexer::expected(const std::string &what) const {
  const std::string found =
      next_.is == token::kind::end ? "the end of the file" : "'" + printable(next_.text) + "'";
  fail(next_.line, "expected " + what + ", found " + found);
}

void lexer::skip_blanks() {
  for (;;) {
    while (at_ < text_.size() && isspace(static_cast<unsigned char>(text_[at_])))
      line_ += text_[at_++] == '\n';
    if (text_.compare(at_, 2, "//") == 0) {
      while (at_ < text_.size() && text_[at_] != '\n') at_++;
    } else if (text_.compare(at_, 2, "/*") == 0) {
      const size_t stop = text_.find("*/", at_ + 2);
      if (stop == std::string::npos) fail(line_, "a comment does not end before the file");
      for (; at_ < stop + 2; at_++) line_ += text_[at_] == '\n';
    } else {
      return;
    }
  }
}

/* Decimal, hexadecimal, 0f and 0d with the bits in hexadecimal digits; a version (9.0) is a word.
 */
void lexer::number() {
  const size_t start = at_;
  int base = 10, digits_due = 0;
  next_.is = token::kind::number;
  if (text_[at_] == '0' && at_ + 1 < text_.size()) {
    const char c = static_cast<char>(tolower(text_[at_ + 1]));
    if (c == 'x') base = 16, at_ += 2;
    if (c == 'f') base = 16, digits_due = 8, next_.is = token::kind::real32, at_ += 2;
    if (c == 'd') base = 16, digits_due = 16, next_.is = token::kind::real64, at_ += 2;
  }
  uint64_t value = 0;
  const size_t first = at_;
  for (; at_ < text_.size() && hex_digit(text_[at_]) >= 0 && hex_digit(text_[at_]) < base; at_++) {
    const uint64_t digit = static_cast<uint64_t>(hex_digit(text_[at_]));
    if (value > (UINT64_MAX - digit) / static_cast<uint64_t>(base))
      fail(line_, "a number has more than 64 bits");
    value = value * static_cast<uint64_t>(base) + digit;
  }
  if (text_[at_] == '.' && base == 10) {
    at_++;
    while (at_ < text_.size() && isdigit(static_cast<unsigned char>(text_[at_]))) at_++;
    next_.is = token::kind::word;
  }
  if (at_ == first || (digits_due && at_ - first != static_cast<size_t>(digits_due)) ||
      (at_ < text_.size() && in_word(text_[at_])))
    fail(line_, "not a number: '" + printable(text_.substr(start, at_ + 1 - start)) +
                    (at_ == text_.size() ? "', and the file ends" : "'"));
  next_.text = std::string_view(text_).substr(start, at_ - start);
  next_.value = value;
}

void lexer::advance() {
  skip_blanks();
  next_ = {token::kind::end, {}, 0, line_};
  if (at_ == text_.size()) return;
  const size_t start = at_;
  const char c = text_[at_];
  if (isdigit(static_cast<unsigned char>(c))) return number();
  const auto word = [&]() {
    while (at_ < text_.size() && in_word(text_[at_])) at_++;
  };
  const auto more = [&](size_t skip) {
    return at_ + skip < text_.size() && in_word(text_[at_ + skip]);
  };
  if (begins_word(c) || (c == '.' && more(1))) {
    next_.is = c == '.' ? token::kind::directive : token::kind::word;
    at_++;
    word();
    while (at_ < text_.size() &&
           ((text_[at_] == '.' && more(1)) || (text_.compare(at_, 2, "::") == 0 && more(2)))) {
      at_ += text_[at_] == '.' ? 1 : 2;
      word();
    }
  } else if (c == '"') {
    next_.is = token::kind::string;
    const size_t stop = text_.find_first_of("\"\n", at_ + 1);
    if (stop == std::string::npos || text_[stop] == '\n')
      fail(line_,
           stop == std::string::npos ? "the file ends in a string" : "a string does not end");
    at_ = stop + 1;
    next_.text = std::string_view(text_).substr(start + 1, stop - start - 1);
    return;
  } else {
    next_.is = token::kind::mark;
    at_++;
  }
  next_.text = std::string_view(text_).substr(start, at_ - start);
}

token lexer::take() {
  const token t = next_;
  advance();
  return t;
}

bool lexer::take_if(char mark) {
  if (!at(mark)) return false;
  advance();
  return true;
}

void lexer::expect(char mark) {
  if (!take_if(mark)) expected(std::string("'") + mark + "'");
}

token lexer::expect(token::kind kind, const char *what) {
  if (next_.is != kind) expected(what);
  return take();
}

size_t lexer::integer(const char *what) { return expect(token::kind::number, what).value; }

}  // namespace simt::ptx
