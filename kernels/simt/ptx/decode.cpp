/* Statements to instructions: registers, constants and labels become numbers, and each form and
 * operand is checked against the table (forms.def). */
#include "program.h"

#include <cxxabi.h>

#include <cctype>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <unordered_map>

namespace simt::ptx {

std::string demangled(std::string_view mangled) {
  int status = 0;
  const std::string name(mangled);
  const std::unique_ptr<char, void (*)(void *)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), free);
  return status == 0 ? text.get() : name;
}

std::string without_types(const std::string &name) {
  constexpr std::string_view unnamed = "(anonymous namespace)::", type = "void ";
  std::string s = name;
  for (size_t at; (at = s.find(unnamed)) != std::string::npos;) s.erase(at, unnamed.size());
  if (s.compare(0, type.size(), type) == 0) s.erase(0, type.size());
  int angles = 0; /* a parenthesis in a template's argument belongs to it */
  for (size_t i = 0; i < s.size(); i++) {
    angles += (s[i] == '<') - (s[i] == '>');
    if (s[i] == '(' && angles == 0) return s.substr(0, i);
  }
  return s;
}

namespace {

struct special_row {
  const char *name;
  late_constant::kind is;
};
constexpr special_row specials[] = {
    {"%tid.x", late_constant::kind::tid_x},       {"%ctaid.x", late_constant::kind::ctaid_x},
    {"%ctaid.y", late_constant::kind::ctaid_y},   {"%ntid.x", late_constant::kind::ntid_x},
    {"%nctaid.x", late_constant::kind::nctaid_x}, {"%nctaid.y", late_constant::kind::nctaid_y}};

class decoder {
 public:
  decoder(const module_text &module, const entry_text &text, entry &out)
      : m_(module), t_(text), e_(out) {}
  void run();

 private:
  struct slot {
    uint16_t number;
    unsigned width;
    char type;
  };
  typedef operand::kind kind;

  [[noreturn]] void fail(const std::string &what) const {
    throw bad_program(m_.path, s_ ? s_->line : t_.line, what);
  }
  void declare_registers();
  void lay_out_local();
  uint16_t new_constant(uint64_t bits);
  uint16_t constant(uint64_t bits);
  uint16_t late(late_constant::kind is, size_t index);
  uint16_t sink();
  uint16_t as_slot(size_t n) const;
  const slot *find_register(std::string_view name) const;
  char type_of(bool source) const;
  uint16_t written(std::string_view name, unsigned width, bool wider, char type);
  uint16_t written(const operand &o, unsigned width, bool wider, char type);
  uint16_t read(const operand &o, unsigned width, bool wider, char type);
  uint16_t read_register(std::string_view name, unsigned width, bool wider, char type);
  uint16_t symbol(std::string_view name, unsigned width);
  void need(size_t n);
  const form_row &row();
  void compute(const form_row &f);
  void elements(const form_row &f, const operand &o, bool store);
  void address(const form_row &f, const operand &o, uint16_t &base, int32_t &offset);
  void memory(const form_row &f);
  void copy();
  void control(const form_row &f);
  void branch();
  void shuffle();
  int32_t number(const operand &o, uint64_t most);

  const module_text &m_;
  const entry_text &t_;
  entry &e_;
  std::unordered_map<std::string_view, slot> registers_;
  std::unordered_map<uint64_t, uint16_t> constants_;
  std::map<std::pair<late_constant::kind, size_t>, uint16_t> late_;
  std::map<std::string_view, size_t> local_; /* offsets */
  std::vector<std::unique_ptr<std::string>> names_;
  const statement *s_ = nullptr;
  instruction i_ = {};
  uint16_t sink_ = 0;
};

uint16_t decoder::as_slot(size_t n) const {
  if (n > UINT16_MAX) fail("more registers and constants than the executor numbers");
  return static_cast<uint16_t>(n);
}

void decoder::declare_registers() {
  for (const register_group &g : t_.registers)
    for (unsigned i = 0; i < (g.count ? g.count : 1); i++) {
      names_.push_back(std::make_unique<std::string>(g.prefix));
      if (g.count) *names_.back() += std::to_string(i);
      e_.register_names.push_back(*names_.back());
      const slot s = {as_slot(e_.register_names.size()), g.width, g.type};
      if (!registers_.emplace(*names_.back(), s).second)
        fail("register '" + *names_.back() + "' is declared twice");
    }
}

void decoder::lay_out_local() {
  std::set<std::string_view> names;
  for (const auto *list : {&t_.shared, &t_.local})
    for (const variable &v : *list)
      if (!names.insert(v.name).second)
        fail("variable '" + std::string(v.name) + "' is declared twice");
  for (const variable &v : t_.local) {
    const size_t at = (e_.local_bytes + v.alignment - 1) / v.alignment * v.alignment;
    local_[v.name] = at;
    e_.local_bytes = at + v.bytes;
  }
}

/* The slot behind what there is, which begins as `bits`. */
uint16_t decoder::new_constant(uint64_t bits) {
  e_.constants.push_back(bits);
  return as_slot(e_.register_names.size() + e_.constants.size());
}

uint16_t decoder::constant(uint64_t bits) {
  const auto found = constants_.find(bits);
  return found != constants_.end() ? found->second : constants_[bits] = new_constant(bits);
}

uint16_t decoder::late(late_constant::kind is, size_t index) {
  const auto key = std::make_pair(is, index);
  const auto found = late_.find(key);
  if (found != late_.end()) return found->second;
  e_.late.push_back({new_constant(0), is, index});
  return late_[key] = e_.late.back().slot;
}

/* What is written to "_" goes to a constant that nothing reads. */
uint16_t decoder::sink() {
  if (!sink_) sink_ = new_constant(0);
  return sink_;
}

const decoder::slot *decoder::find_register(std::string_view name) const {
  const auto found = registers_.find(name);
  return found == registers_.end() ? nullptr : &found->second;
}

/* The first letter of the form's type for its destination, or for its sources: only a conversion
 * has two. A form without a type is of bits. */
char decoder::type_of(bool source) const {
  const std::string_view op = s_->opcode;
  const bool two = op.compare(0, 4, "cvt.") == 0;
  char type = 'b';
  for (size_t at = op.find('.'); at != std::string_view::npos; at = op.find('.', at + 1)) {
    const bool is_type = at + 2 < op.size() && strchr("bufs", op[at + 1]) &&
                         isdigit(static_cast<unsigned char>(op[at + 2]));
    if (!is_type) continue;
    type = op[at + 1];
    if (two && !source) break;
  }
  return type;
}

/* Bits agree with all, and signed with unsigned (ISA 9.2, 5.2). */
bool agree(char a, char b) { return a == 'b' || b == 'b' || (a == 'f') == (b == 'f'); }

/* A register of that width; wider ones are allowed where ISA 9.4.1 allows them. */
uint16_t decoder::read_register(std::string_view name, unsigned width, bool wider, char type) {
  const slot *s = find_register(name);
  if (!s) fail("'" + std::string(name) + "' is no register");
  if (s->width != width && !(wider && width > 1 && s->width > width))
    fail("register '" + std::string(name) + "' has " + std::to_string(s->width) +
         " bits, not the " + std::to_string(width) + " of this form");
  if (width > 1 && !agree(s->type, type))
    fail("register '" + std::string(name) + "' is of another type than this form");
  return s->number;
}

uint16_t decoder::written(std::string_view name, unsigned width, bool wider, char type) {
  return name == "_" ? sink() : read_register(name, width, wider, type);
}

uint16_t decoder::written(const operand &o, unsigned width, bool wider, char type) {
  if (o.is != kind::name) fail("the destination is no register");
  return written(o.name, width, wider, type);
}

/* Special registers and addresses. Those of shared, local and param are offsets in their spaces; no
 * form of the table makes generic ones of them. Global and generic ones are the host's. */
uint16_t decoder::symbol(std::string_view name, unsigned width) {
  for (const special_row &row : specials)
    if (name == row.name) {
      if (width != 32) fail("a special register has 32 bits");
      return late(row.is, 0);
    }
  for (const parameter &p : t_.parameters)
    if (name == p.name) return constant(p.offset);
  for (size_t i = 0; i < e_.shared.size(); i++)
    if (name == e_.shared[i].name) return late(late_constant::kind::shared, i);
  for (const variable &v : m_.shared)
    if (name == v.name) {
      e_.shared.push_back(v);
      return late(late_constant::kind::shared, e_.shared.size() - 1);
    }
  const auto local = local_.find(name);
  if (local != local_.end()) return constant(local->second);
  for (const table &t : m_.tables)
    if (name == t.declared.name) return constant(reinterpret_cast<uintptr_t>(t.bytes.data()));
  for (const variable &v : m_.dynamic)
    if (name == v.name) return late(late_constant::kind::dynamic, 0);
  fail("'" + std::string(name) + "' is neither a register nor a symbol of this entry");
}

uint16_t decoder::read(const operand &o, unsigned width, bool wider, char type) {
  const bool real = width > 1 && type == 'f', integer = width == 1 || (type != 'f' && type != 'b');
  switch (o.is) {
    case kind::name:
      if (find_register(o.name)) return read_register(o.name, width, wider, type);
      if (real) fail("'" + std::string(o.name) + "' is no register");
      return symbol(o.name, width);
    case kind::number:
      if (real) fail("an integer where a real number belongs");
      return width == 1 ? constant(o.number != 0) : constant(o.number);
    case kind::real32:
    case kind::real64:
      if (integer) fail("a real number where an integer belongs");
      if (width != (o.is == kind::real32 ? 32u : 64u)) fail("a constant of another width");
      return constant(o.number);
    default:
      fail("this operand does not belong here");
  }
}

void decoder::need(size_t n) {
  if (s_->operands.size() != n)
    fail("'" + std::string(s_->opcode) + "' has " + std::to_string(s_->operands.size()) +
         " operands here, the table has " + std::to_string(n));
}

/* The row of the table; the shape of the operands is part of the name of some. */
const form_row &decoder::row() {
  std::string text(s_->opcode);
  const std::vector<operand> &o = s_->operands;
  if (text == "mov.b64" && o.size() == 2 && o[1].is == kind::vector) text += ":pack";
  if (text == "mov.b64" && o.size() == 2 && o[0].is == kind::vector) text += ":unpack";
  if (text.compare(0, 9, "cp.async.") == 0 && o.size() >= 3 && o[2].is == kind::number)
    text += ":" + std::to_string(o[2].number);
  const form_row *f = find_form(text);
  if (!f) fail("form '" + text + "' is not in the table");
  return *f;
}

void decoder::compute(const form_row &f) {
  const bool conversion = s_->opcode.compare(0, 4, "cvt.") == 0;
  std::vector<operand> sources;
  if (s_->operands.empty()) fail("no destination");
  if (f.id == form::mov_b64_pack) {
    need(2);
    for (const std::string_view &e : s_->operands[1].elements)
      sources.push_back({kind::name, e, {}, 0, {}});
  } else {
    sources.assign(s_->operands.begin() + 1, s_->operands.end());
  }
  size_t n = 0;
  while (n < 5 && f.widths[n]) n++;
  if (sources.size() != n - 1) fail("the table has " + std::to_string(n - 1) + " sources here");
  i_.r[0] = written(s_->operands[0], f.widths[0], conversion, type_of(false));
  for (size_t k = 1; k < n; k++)
    i_.r[k] = read(sources[k - 1], f.widths[k], conversion, type_of(true));
}

void decoder::address(const form_row &f, const operand &o, uint16_t &base, int32_t &offset) {
  if (o.is != kind::address) fail("expected an address");
  const space where = static_cast<space>(f.widths[1]);
  const int64_t n = static_cast<int64_t>(o.number);
  if (o.name.empty()) fail("an absolute address");
  if (n > INT32_MAX || n < INT32_MIN) fail("an offset of more than 32 bits");
  offset = static_cast<int32_t>(n);
  const slot *s = find_register(o.name);
  base = s ? s->number : symbol(o.name, 64);
  if (s && s->type == 'f') fail("an address register of real numbers");
  if (s && s->width != 64 && !(s->width == 32 && where == space::shared))
    fail("an address register of " + std::to_string(s->width) + " bits");
}

/* One register, or the vector that the form has. */
void decoder::elements(const form_row &f, const operand &o, bool store) {
  if (o.is != kind::vector && o.is != kind::name) fail("what is moved is no register");
  if ((o.is == kind::vector ? o.elements.size() : 1) != f.elements)
    fail("the form has " + std::to_string(f.elements) + " elements");
  for (size_t k = 0; k < f.elements; k++) {
    const std::string_view name = o.is == kind::vector ? o.elements[k] : o.name;
    const unsigned width = f.widths[0];
    i_.r[k] = store ? read_register(name, width, true, type_of(true))
                    : written(name, width, true, type_of(false));
  }
}

void decoder::memory(const form_row &f) {
  if (f.kind == form_kind::atomic) {
    need(3);
    i_.r[0] = written(s_->operands[0], f.widths[0], false, type_of(false));
    address(f, s_->operands[1], i_.r[4], i_.offset);
    i_.r[1] = read(s_->operands[2], f.widths[0], false, type_of(true));
    return;
  }
  need(2);
  const bool store = f.kind == form_kind::store;
  if (s_->used_bytes) {
    if (s_->used_bytes >> f.elements * f.widths[0] / 8) fail("a mask of bytes that are not loaded");
    i_.offset2 = static_cast<int32_t>(s_->used_bytes);
  }
  address(f, s_->operands[store ? 0 : 1], i_.r[4], i_.offset);
  elements(f, s_->operands[store ? 1 : 0], store);
}

/* cp.async [shared], [global], size[, bytes that are read; the rest is 0] */
void decoder::copy() {
  if (s_->operands.size() != 3) need(4);
  form_row shared = {}, global = {};
  shared.widths[1] = static_cast<uint8_t>(space::shared);
  global.widths[1] = static_cast<uint8_t>(space::global);
  address(shared, s_->operands[0], i_.r[4], i_.offset);
  address(global, s_->operands[1], i_.r[5], i_.offset2);
  i_.r[0] = read(s_->operands.back(), 32, false, 'u');
}

int32_t decoder::number(const operand &o, uint64_t most) {
  if (o.is != kind::number || o.number > most)
    fail("'" + std::string(s_->opcode) + "' with this operand is not in the table");
  return static_cast<int32_t>(o.number);
}

void decoder::branch() {
  need(1);
  if (s_->operands[0].is != kind::name) fail("the target of a branch is no label");
  const auto label = t_.labels.find(s_->operands[0].name);
  if (label == t_.labels.end())
    fail("there is no label '" + std::string(s_->operands[0].name) + "'");
  i_.offset = static_cast<int32_t>(label->second);
}

void decoder::shuffle() {
  need(5);
  const operand &d = s_->operands[0];
  if (d.is != kind::name && d.is != kind::pair) fail("no destination");
  i_.r[0] = written(d.name, 32, false, 'b');
  i_.r[1] = written(d.is == kind::pair ? d.other : "_", 1, false, 'p');
  for (size_t k = 1; k < 5; k++) i_.r[k + 1] = read(s_->operands[k], 32, false, k == 1 ? 'b' : 'u');
}

void decoder::control(const form_row &f) {
  const std::vector<operand> &o = s_->operands;
  switch (f.id) {
    case form::bra:
    case form::bra_uni:
      return branch();
    case form::ret:
    case form::cp_async_commit_group:
      return need(0);
    case form::cp_async_wait_group:
      need(1);
      i_.offset = number(o[0], UINT16_MAX);
      return;
    case form::bar_sync:
      need(1);
      i_.offset = number(o[0], 0); /* other barriers, and parts of a block, have no finding yet */
      return;
    case form::bar_warp_sync:
      need(1);
      i_.r[0] = read(o[0], 32, false, 'u');
      return;
    case form::vote_sync_ballot_b32:
      need(3);
      i_.r[0] = written(o[0], 32, false, 'b');
      i_.r[1] = read(o[1], 1, false, 'p');
      i_.r[2] = read(o[2], 32, false, 'u');
      return;
    case form::mov_b64_unpack:
      need(2);
      if (o[0].elements.size() != 2) fail("two halves");
      i_.r[0] = written(o[0].elements[0], 32, false, 'b');
      i_.r[1] = written(o[0].elements[1], 32, false, 'b');
      i_.r[2] = read(o[1], 64, false, 'b');
      return;
    default:
      return shuffle();
  }
}

void decoder::run() {
  e_.name = demangled(t_.name), e_.short_name = without_types(e_.name);
  e_.line = t_.line;
  e_.parameters = t_.parameters, e_.parameter_bytes = t_.parameter_bytes;
  e_.max_threads = t_.max_threads;
  e_.shared = t_.shared;
  e_.module = &m_;
  declare_registers();
  lay_out_local();
  for (const statement &s : t_.statements) {
    s_ = &s;
    i_ = {};
    if (!s.guard.empty()) i_.guard = read_register(s.guard, 1, false, 'p');
    i_.negated = s.guard_negated;
    const form_row &f = row();
    i_.op = f.id;
    if (s.used_bytes && f.kind != form_kind::load) fail("a mask of bytes in front of no load");
    if (f.kind == form_kind::compute)
      compute(f);
    else if (f.kind == form_kind::copy)
      copy();
    else if (f.kind == form_kind::control)
      control(f);
    else
      memory(f);
    e_.code.push_back(i_);
    e_.places.push_back({s.line, s.file, s.source_line});
  }
  const size_t end = e_.code.size();
  if (end == 0 || ((e_.code[end - 1].op != form::ret && e_.code[end - 1].op != form::bra_uni) ||
                   e_.code[end - 1].guard))
    fail("the entry runs off its end");
  for (const auto &label : t_.labels)
    if (label.second >= end) fail("label '" + std::string(label.first) + "' stands at the end");
}

}  // namespace

entry decode(const module_text &module, const entry_text &text, int plant_index) {
  entry e = {};
  decoder(module, text, e).run();
  plant(e.code, static_cast<plant_kind>(plant_index));
  return e;
}

}  // namespace simt::ptx
