/* The table of forms (forms.def), by name. */
#include "program.h"
#include "ptx.h"
#include "values.h"

#include <unordered_map>

namespace simt::ptx {

namespace {

template <typename T>
constexpr uint8_t width_of() {
  return std::is_same<T, pred>::value ? 1 : static_cast<uint8_t>(8 * sizeof(T));
}

template <typename... T>
form_row compute(const char *text, form id, const char *clause, const char *open) {
  return {text, id, form_kind::compute, {width_of<T>()...}, 0, clause, open};
}

template <typename T>
form_row memory(const char *text, form id, form_kind kind, space where, uint8_t elements,
                const char *clause, const char *open) {
  return {text, id, kind, {width_of<T>(), static_cast<uint8_t>(where)}, elements, clause, open};
}

}  // namespace

const std::vector<form_row> &form_rows() {
  static const std::vector<form_row> rows = {
#define PTX_1(id, text, D, A, value, clause, open) compute<D, A>(text, form::id, clause, open),
#define PTX_2(id, text, D, A, B, value, clause, open) \
  compute<D, A, B>(text, form::id, clause, open),
#define PTX_3(id, text, D, A, B, C, value, clause, open) \
  compute<D, A, B, C>(text, form::id, clause, open),
#define PTX_4(id, text, D, A, B, C, E, value, clause, open) \
  compute<D, A, B, C, E>(text, form::id, clause, open),
#define PTX_LOAD(id, text, where, T, n, clause, open) \
  memory<T>(text, form::id, form_kind::load, space::where, n, clause, open),
#define PTX_STORE(id, text, where, T, n, clause, open) \
  memory<T>(text, form::id, form_kind::store, space::where, n, clause, open),
#define PTX_ATOMIC(id, text, where, T, operation, clause, open) \
  memory<T>(text, form::id, form_kind::atomic, space::where, 1, clause, open),
#define PTX_COPY(id, text, bytes, clause, open) \
  form_row{text, form::id, form_kind::copy, {}, bytes, clause, open},
#define PTX_CONTROL(id, text, operands, clause, open) \
  form_row{text, form::id, form_kind::control, {}, 0, clause, open},
#include "forms.def"
#include "forms_undef.h"
  };
  return rows;
}

const form_row *find_form(std::string_view text) {
  static const std::unordered_map<std::string_view, const form_row *> by_text = []() {
    std::unordered_map<std::string_view, const form_row *> map;
    for (const form_row &row : form_rows()) map[row.text] = &row;
    return map;
  }();
  const auto found = by_text.find(text);
  return found == by_text.end() ? nullptr : found->second;
}

}  // namespace simt::ptx

size_t sl_ptx_forms(const sl_ptx_form **list) {
  static const std::vector<sl_ptx_form> forms = []() {
    std::vector<sl_ptx_form> all;
    for (const simt::ptx::form_row &row : simt::ptx::form_rows())
      all.push_back({row.text, row.clause, row.open});
    return all;
  }();
  *list = forms.data();
  return forms.size();
}
