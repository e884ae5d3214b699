/* Wrong semantics, planted for tests: each must change some kernel's result or cause a finding. */
#include "program.h"
#include "ptx.h"

namespace simt::ptx {

namespace {

const sl_ptx_plant rows[] = {
    {"fused", "a product and the sum after it are rounded once, as a contracted fma is"},
    {"selp_swapped", "selp takes the other operand"},
    {"shift_unclamped", "shifts take their amount modulo the width"},
    {"copy_early", "cp.async lands at once"},
    {"guard_dropped", "a branch forward is taken whatever its predicate says"}};

bool writes(const instruction &i, uint16_t slot) { return i.r[0] == slot; }

/* add d, x, c with x = a * b just before it: d = fma(a, b, c). */
void fuse(std::vector<instruction> &code, form product, form sum, form fused) {
  constexpr size_t reach = 64;
  for (size_t k = 0; k < code.size(); k++) {
    if (code[k].op != sum || code[k].guard) continue;
    for (size_t j = k; j-- > 0 && k - j < reach;) {
      const instruction &m = code[j];
      if (m.op == form::bra || m.op == form::bra_uni) break;
      if (m.op != product || m.guard || (!writes(m, code[k].r[1]) && !writes(m, code[k].r[2])))
        continue;
      const uint16_t other = code[k].r[writes(m, code[k].r[1]) ? 2 : 1];
      code[k].op = fused;
      code[k].r[1] = m.r[1], code[k].r[2] = m.r[2], code[k].r[3] = other;
      break;
    }
  }
}

bool is_selp(form f) { return f >= form::selp_b32 && f <= form::selp_u64; }

form unclamped(form f) {
  return f == form::shl_b32   ? form::planted_shl_b32
         : f == form::shl_b64 ? form::planted_shl_b64
         : f == form::shr_u32 ? form::planted_shr_u32
         : f == form::shr_u64 ? form::planted_shr_u64
                              : f;
}

}  // namespace

void plant(std::vector<instruction> &code, plant_kind what) {
  if (what == plant_kind::fused) {
    fuse(code, form::mul_rn_f32, form::add_rn_f32, form::fma_rn_f32);
    fuse(code, form::mul_rn_f64, form::add_rn_f64, form::fma_rn_f64);
  }
  for (size_t k = 0; k < code.size(); k++) {
    instruction &i = code[k];
    if (what == plant_kind::selp_swapped && is_selp(i.op)) std::swap(i.r[1], i.r[2]);
    if (what == plant_kind::shift_unclamped) i.op = unclamped(i.op);
    if (what == plant_kind::guard_dropped && i.op == form::bra &&
        i.offset > static_cast<int32_t>(k))
      i.guard = 0, i.negated = false;
  }
}

}  // namespace simt::ptx

size_t sl_ptx_plants(const sl_ptx_plant **list) {
  *list = simt::ptx::rows;
  return sizeof simt::ptx::rows / sizeof *simt::ptx::rows;
}
