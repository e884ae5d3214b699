/* PTX as nvcc writes it: module directives, entries, their variables, statements. What is not here
 * is an error with file and line. */
#include "lexer.h"

#include <array>
#include <cstdlib>

namespace simt::ptx {

namespace {

struct type_row {
  const char *text;
  unsigned bits;
};
constexpr type_row types[] = {{".pred", 1}, {".b8", 8},   {".u8", 8},   {".s8", 8},   {".b16", 16},
                              {".u16", 16}, {".s16", 16}, {".b32", 32}, {".u32", 32}, {".s32", 32},
                              {".f32", 32}, {".b64", 64}, {".u64", 64}, {".s64", 64}, {".f64", 64}};

/* A thread has at most 512 KiB of local memory and a block less of shared memory (CUDA C++
 * Programming Guide, Compute Capabilities); constant tables are of hundreds of bytes. Registers are
 * numbered by 16 bits (program.h). */
constexpr size_t variable_bytes_max = 512 * 1024, registers_max = UINT16_MAX;

class parser {
 public:
  explicit parser(module_text &module) : m_(module), in_(module) {}
  void header();
  void run();

 private:
  typedef token::kind kind;
  const type_row &type();
  bool directive(const char *text);
  variable declared_variable();
  void constant_table();
  void file();
  void section();
  void parameters(entry_text &e);
  void entry();
  void body(entry_text &e);
  void registers(entry_text &e);
  void location();
  void pragma();
  void instruction(entry_text &e);
  operand take_operand();
  operand address();

  module_text &m_;
  lexer in_;
  typedef std::array<unsigned, 3> source_place; /* file, line, column */
  source_place at_ = {};                        /* of the last .loc */
  std::map<source_place, source_place> called_at_;
  uint64_t used_bytes_ = 0;
};

const type_row &parser::type() {
  const token t = in_.expect(kind::directive, "a type");
  for (const type_row &row : types)
    if (t.text == row.text) return row;
  in_.fail(t.line, "type '" + std::string(t.text) + "' is not in the table");
}

bool parser::directive(const char *text) {
  if (in_.peek().is != kind::directive || in_.peek().text != text) return false;
  in_.take();
  return true;
}

/* [.align N] .type name[d][d]: bytes 0 for name[]. */
variable parser::declared_variable() {
  variable v = {{}, 0, 0};
  const unsigned line = in_.peek().line;
  if (directive(".align")) {
    v.alignment = in_.integer("an alignment");
    if (v.alignment == 0 || (v.alignment & (v.alignment - 1)))
      in_.fail(line, "an alignment that is no power of two");
  }
  v.bytes = type().bits / 8;
  if (v.bytes == 0) in_.fail(line, "a predicate is no variable");
  if (v.alignment == 0) v.alignment = v.bytes;
  v.name = in_.expect(kind::word, "a name").text;
  while (in_.take_if('[')) {
    const size_t n = in_.at(']') ? 0 : in_.integer("a length");
    if (n && v.bytes > variable_bytes_max / n)
      in_.fail(line, "a variable of more than " + std::to_string(variable_bytes_max) + " bytes");
    v.bytes *= n;
    in_.expect(']');
  }
  return v;
}

/* .global .align N .b8 name[N] = {0, 1, ...}; */
void parser::constant_table() {
  const unsigned line = in_.peek().line;
  table t = {declared_variable(), {}};
  in_.expect('=');
  in_.expect('{');
  do {
    const size_t byte = in_.integer("a byte");
    if (byte > UINT8_MAX) in_.fail(line, "a table of other than bytes");
    t.bytes.push_back(static_cast<unsigned char>(byte));
  } while (in_.take_if(','));
  in_.expect('}');
  in_.expect(';');
  if (t.bytes.size() != t.declared.bytes) in_.fail(line, "a table of other than bytes");
  m_.tables.push_back(std::move(t));
}

/* .file N "path"[, time, size] */
void parser::file() {
  const size_t n = in_.integer("a file's number");
  m_.files[static_cast<unsigned>(n)] = std::string(in_.expect(kind::string, "a path").text);
  while (in_.take_if(',')) in_.integer("a number");
}

/* .section name { ... }: debugging strings. */
void parser::section() {
  in_.expect(kind::directive, "a section's name");
  in_.expect('{');
  while (!in_.at('}')) {
    if (in_.peek().is == kind::end) in_.expected("the end of a section");
    in_.take();
  }
  in_.expect('}');
}

void parser::parameters(entry_text &e) {
  in_.expect('(');
  while (!in_.at(')')) {
    if (!directive(".param")) in_.expected(".param");
    const variable v = declared_variable();
    const size_t offset = (e.parameter_bytes + v.alignment - 1) / v.alignment * v.alignment;
    e.parameters.push_back({v.name, offset, v.bytes});
    e.parameter_bytes = offset + v.bytes;
    if (!in_.take_if(',')) break;
  }
  in_.expect(')');
}

void parser::entry() {
  const token name = in_.expect(kind::word, "an entry's name");
  entry_text e = {};
  e.name = name.text, e.line = name.line;
  parameters(e);
  while (!in_.at('{')) {
    const token t = in_.expect(kind::directive, "a directive or '{'");
    if (t.text == ".maxntid") {
      e.max_threads = in_.integer("a number of threads");
      while (in_.take_if(',')) e.max_threads *= in_.integer("a number of threads");
    } else if (t.text == ".minnctapersm") {
      in_.integer("a number of blocks"); /* for the register allocation of ptxas */
    } else {
      in_.fail(t.line, "directive '" + std::string(t.text) + "' is not in the table");
    }
  }
  body(e);
  m_.entries.push_back(std::move(e));
}

void parser::registers(entry_text &e) {
  const type_row &t = type();
  do {
    register_group g = {in_.expect(kind::word, "a register").text, t.bits, t.text[1], 0};
    if (in_.take_if('<')) {
      const unsigned line = in_.peek().line;
      const size_t n = in_.integer("a number of registers");
      if (n == 0 || n > registers_max)
        in_.fail(line, "a number of registers other than 1 to " + std::to_string(registers_max));
      g.count = static_cast<unsigned>(n);
      in_.expect('>');
    }
    e.registers.push_back(g);
  } while (in_.take_if(','));
  in_.expect(';');
}

/* .loc file line column[, function_name label[+n], inlined_at file line column]: out of the
 * toolkit's headers, to where they were called. */
void parser::location() {
  const auto place = [&]() -> source_place {
    const unsigned file = static_cast<unsigned>(in_.integer("a file's number")),
                   line = static_cast<unsigned>(in_.integer("a line"));
    return {file, line, static_cast<unsigned>(in_.integer("a column"))};
  };
  const auto in_toolkit = [&](const source_place &p) {
    const auto f = m_.files.find(p[0]);
    return f != m_.files.end() && f->second.find("/targets/") != std::string::npos;
  };
  at_ = place();
  if (in_.take_if(',')) {
    in_.expect(kind::word, "function_name");
    in_.expect(kind::word, "a label");
    if (in_.take_if('+')) in_.integer("an offset");
    in_.expect(',');
    in_.expect(kind::word, "inlined_at");
    called_at_[at_] = place();
  }
  for (auto call = called_at_.find(at_); in_toolkit(at_) && call != called_at_.end();
       call = called_at_.find(at_))
    at_ = call->second;
}

/* [base], [base+offset], [base+-offset] */
operand parser::address() {
  operand o = {operand::kind::address, {}, {}, 0, {}};
  if (in_.peek().is == kind::end) in_.expected("an address");
  const token base = in_.take();
  if (base.is == kind::word)
    o.name = base.text;
  else if (base.is == kind::number)
    o.number = base.value;
  else
    in_.fail(base.line, "expected an address");
  if (in_.take_if('+')) {
    const bool negative = in_.take_if('-');
    const uint64_t n = in_.integer("an offset");
    o.number += negative ? 0 - n : n;
  }
  in_.expect(']');
  return o;
}

operand parser::take_operand() {
  operand o = {operand::kind::name, {}, {}, 0, {}};
  if (in_.take_if('[')) return address();
  if (in_.take_if('{')) {
    o.is = operand::kind::vector;
    do o.elements.push_back(in_.expect(kind::word, "a register").text);
    while (in_.take_if(','));
    in_.expect('}');
    return o;
  }
  const bool negative = in_.take_if('-');
  if (in_.peek().is == kind::end) in_.expected("an operand");
  const token t = in_.take();
  if (t.is == kind::number) {
    o.is = operand::kind::number, o.number = negative ? 0 - t.value : t.value;
  } else if (!negative && (t.is == kind::real32 || t.is == kind::real64)) {
    o.is = t.is == kind::real32 ? operand::kind::real32 : operand::kind::real64;
    o.number = t.value;
  } else if (!negative && t.is == kind::word) {
    o.name = t.text;
    if (in_.take_if('|'))
      o.is = operand::kind::pair, o.other = in_.expect(kind::word, "a predicate").text;
  } else {
    in_.fail(t.line, "'" + std::string(t.text) + "' is no operand");
  }
  return o;
}

void parser::instruction(entry_text &e) {
  statement s = {};
  if (in_.take_if('@')) {
    s.guard_negated = in_.take_if('!');
    s.guard = in_.expect(kind::word, "a predicate").text;
  }
  const token op = in_.expect(kind::word, "an instruction");
  if (in_.peek().is == kind::mark && in_.peek().text == ":" && s.guard.empty()) {
    in_.take();
    if (!e.labels.emplace(op.text, e.statements.size()).second)
      in_.fail(op.line, "label '" + std::string(op.text) + "' stands twice");
    return;
  }
  s.used_bytes = used_bytes_, used_bytes_ = 0;
  s.opcode = op.text, s.line = op.line, s.file = at_[0], s.source_line = at_[1];
  while (!in_.at(';')) {
    s.operands.push_back(take_operand());
    if (!in_.take_if(',')) break;
  }
  in_.expect(';');
  e.statements.push_back(std::move(s));
}

/* "nounroll" is for ptxas; "used_bytes_mask N" says which bytes the next load needs. */
void parser::pragma() {
  const token t = in_.expect(kind::string, "a pragma");
  constexpr std::string_view mask = "used_bytes_mask ";
  if (t.text.substr(0, mask.size()) == mask) {
    used_bytes_ = strtoull(std::string(t.text.substr(mask.size())).c_str(), nullptr, 0);
    if (used_bytes_ == 0) in_.fail(t.line, "this mask of bytes is not in the table");
  } else if (t.text != "nounroll") {
    in_.fail(t.line, "pragma '" + std::string(t.text) + "' is not in the table");
  }
  in_.expect(';');
}

void parser::body(entry_text &e) {
  in_.expect('{');
  while (!in_.at('}')) {
    const token t = in_.peek();
    if (t.is != kind::directive) {
      instruction(e);
      continue;
    }
    in_.take();
    if (t.text == ".reg") {
      registers(e);
    } else if (t.text == ".shared" || t.text == ".local") {
      (t.text == ".shared" ? e.shared : e.local).push_back(declared_variable());
      in_.expect(';');
    } else if (t.text == ".loc") {
      location();
    } else if (t.text == ".pragma") {
      pragma();
    } else {
      in_.fail(t.line, "directive '" + std::string(t.text) + "' is not in the table");
    }
  }
  in_.expect('}');
}

/* The table is of release 9.0 of the manual. A release adds forms and leaves those that are there
 * as they are; another major one may have new rules. */
constexpr unsigned long first_major = 7, last_major = 9;

/* .version, .target and .address_size, which stand before all else (ISA 11.1). */
void parser::header() {
  if (!directive(".version")) in_.expected(".version, with which PTX begins");
  const token version = in_.expect(kind::word, "a version");
  const unsigned long major = strtoul(std::string(version.text).c_str(), nullptr, 10);
  if (major < first_major || major > last_major)
    in_.fail(version.line, "PTX of version " + std::string(version.text) +
                               ", and the table knows " + std::to_string(first_major) + ".0 to " +
                               std::to_string(last_major) + ".x");
  if (!directive(".target")) in_.expected(".target");
  const token target = in_.expect(kind::word, "a target");
  const std::string wanted = "sm_" + std::to_string(m_.architecture);
  if (m_.architecture ? target.text != wanted : target.text != "sm_80" && target.text != "sm_90")
    in_.fail(target.line, "PTX for '" + std::string(target.text) + "', not for " +
                              (m_.architecture ? wanted : "sm_80 or sm_90"));
  if (!directive(".address_size")) in_.expected(".address_size");
  const token size = in_.expect(kind::number, "an address size");
  if (size.value != 64) in_.fail(size.line, "addresses have 64 bits");
}

void parser::run() {
  header();
  while (in_.peek().is != kind::end) {
    const token t = in_.expect(kind::directive, "a directive");
    if (t.text == ".visible" || t.text == ".weak") continue;
    if (t.text == ".entry") {
      entry();
    } else if (t.text == ".file") {
      file();
    } else if (t.text == ".section") {
      section();
    } else if (t.text == ".global") {
      constant_table();
    } else if (t.text == ".shared") {
      m_.shared.push_back(declared_variable());
      in_.expect(';');
    } else if (t.text == ".extern" && directive(".shared")) {
      m_.dynamic.push_back(declared_variable());
      in_.expect(';');
    } else {
      in_.fail(t.line, "directive '" + std::string(t.text) + "' is not in the table");
    }
  }
}

}  // namespace

/* .file stands behind the entries, and .loc needs it: the names are read first. */
static void read_file_names(module_text &module) {
  const std::string &text = module.text;
  for (size_t at = 0; (at = text.find("\n\t.file\t", at)) != std::string::npos; at++) {
    const size_t quote = text.find('"', at), stop = text.find('"', quote + 1);
    if (stop == std::string::npos) return;
    module.files[static_cast<unsigned>(strtoul(text.c_str() + at + 8, nullptr, 10))] =
        text.substr(quote + 1, stop - quote - 1);
  }
}

void parse_header(module_text &module) { parser(module).header(); }

void parse(module_text &module) {
  read_file_names(module);
  parser(module).run();
}

}  // namespace simt::ptx
