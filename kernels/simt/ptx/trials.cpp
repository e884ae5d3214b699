/* Trials of one form each: a small program that puts a form between loads and stores, and operands
 * for it, the special ones among them. They run on the executor (here) and on a device (ci/gpu). */
#include "kernels/simt/internal.h"
#include "kernels/simt/simulate.h"
#include "program.h"
#include "ptx.h"

#include <memory>

namespace simt::ptx {

namespace {

constexpr unsigned trial_threads = 64, trial_blocks = 32, trial_words = 4;

const char *const head =
    ".version 8.0\n.target sm_80\n.address_size 64\n"
    ".visible .entry trial(.param .u64 p_in, .param .u64 p_out, .param .align 16 .b8 p_block[32])\n"
    "{\n"
    ".reg .pred %p<10>;\n.reg .b16 %rs<30>;\n.reg .b32 %r<50>;\n.reg .b64 %rd<40>;\n"
    ".shared .align 16 .b8 s_words[2048];\n.local .align 16 .b8 l_words[32];\n"
    "ld.param.u64 %rd1, [p_in];\nld.param.u64 %rd2, [p_out];\n"
    "cvta.to.global.u64 %rd1, %rd1;\ncvta.to.global.u64 %rd2, %rd2;\n"
    "mov.u32 %r1, %ctaid.x;\nmov.u32 %r2, %ntid.x;\nmov.u32 %r3, %tid.x;\n"
    "mad.lo.s32 %r4, %r1, %r2, %r3;\nmul.wide.u32 %rd3, %r4, 32;\n"
    "add.s64 %rd4, %rd1, %rd3;\nadd.s64 %rd5, %rd2, %rd3;\n"
    "mul.lo.s32 %r5, %r3, 32;\nmov.u32 %r6, s_words;\nadd.s32 %r7, %r6, %r5;\n"
    "mov.u64 %rd9, 0;\n";

/* Operand k: %rd1k, and %r1k, %rs1k, %pk made of it. */
std::string operands() {
  std::string text;
  for (unsigned k = 0; k < trial_words; k++) {
    const std::string n = std::to_string(10 + k);
    text += "ld.global.u64 %rd" + n + ", [%rd4+" + std::to_string(8 * k) + "];\n";
    text += "cvt.u32.u64 %r" + n + ", %rd" + n + ";\n";
    text += "cvt.u16.u32 %rs" + n + ", %r" + n + ";\n";
    text += "and.b32 %r" + std::to_string(30 + k) + ", %r" + n + ", 1;\n";
    text += "setp.ne.s32 %p" + std::to_string(k + 1) + ", %r" + std::to_string(30 + k) + ", 0;\n";
  }
  return text;
}

std::string source(unsigned width, unsigned k) {
  if (width == 1) return "%p" + std::to_string(k + 1);
  return (width == 16 ? "%rs" : width == 64 ? "%rd" : "%r") + std::to_string(10 + k);
}

/* Result k of that width goes to word k of the output. */
std::string result(unsigned width, unsigned k) {
  if (width == 1) return "%p" + std::to_string(6 + k);
  return (width == 16 ? "%rs" : width == 64 ? "%rd" : "%r") + std::to_string(20 + k);
}
std::string save(unsigned width, unsigned k) {
  const std::string wide = "%rd" + std::to_string(20 + k), r = "%r" + std::to_string(20 + k);
  std::string text;
  if (width == 1) text = "selp.u64 " + wide + ", 1, 0, " + result(1, k) + ";\n";
  if (width == 16) text = "cvt.u32.u16 " + r + ", " + result(16, k) + ";\n";
  if (width == 16 || width == 32) text += "cvt.u64.u32 " + wide + ", " + r + ";\n";
  return text + "st.global.u64 [%rd5+" + std::to_string(8 * k) + "], " + wide + ";\n";
}

std::string words(const char *opcode, const char *base, const char *value) {
  std::string text;
  for (unsigned k = 0; k < trial_words; k++)
    text += std::string(opcode) + " [" + base + "+" + std::to_string(8 * k) + "], " + value +
            (value[3] == '1' ? std::to_string(k) : "") + ";\n";
  return text;
}
std::string saved_words(const char *opcode, const char *base) {
  std::string text;
  for (unsigned k = 0; k < trial_words; k++)
    text += std::string(opcode) + " %rd2" + std::to_string(k) + ", [" + base + "+" +
            std::to_string(8 * k) + "];\n" + save(64, k);
  return text;
}

std::string compute(const form_row &f) {
  std::string text(f.text);
  text = text.substr(0, text.find(':')) + " " + result(f.widths[0], 0) + ", ";
  const bool pack = f.id == form::mov_b64_pack;
  if (pack) text += "{";
  for (unsigned k = 1; k < 5 && f.widths[k]; k++)
    text += (k > 1 ? ", " : "") + source(f.widths[k], k - 1);
  return text + (pack ? "};\n" : ";\n") + save(f.widths[0], 0);
}

std::string vector(const form_row &f, bool store) {
  const unsigned width = f.widths[0] == 64 ? 64 : 32;
  std::string text = f.elements > 1 ? "{" : "";
  for (unsigned k = 0; k < f.elements; k++)
    text += (k ? ", " : "") + (store ? source(width, k) : result(width, k));
  return text + (f.elements > 1 ? "}" : "");
}

const char *base_of(space where, bool store) {
  return where == space::param    ? "p_block"
         : where == space::shared ? "%r7"
         : where == space::local  ? "l_words"
         : store                  ? "%rd5"
                                  : "%rd4";
}

std::string load(const form_row &f) {
  const space where = static_cast<space>(f.widths[1]);
  std::string text;
  if (where == space::shared) text = words("st.shared.u64", "%r7", "%rd1");
  if (where == space::local) text = words("st.local.u64", "l_words", "%rd1");
  text += std::string(f.text) + " " + vector(f, false) + ", [" + base_of(where, false) + "];\n";
  for (unsigned k = 0; k < f.elements; k++) text += save(f.widths[0] == 64 ? 64 : 32, k);
  return text;
}

std::string store(const form_row &f) {
  const space where = static_cast<space>(f.widths[1]);
  std::string text;
  if (where == space::shared) text = words("st.shared.u64", "%r7", "%rd9");
  if (where == space::local) text = words("st.local.u64", "l_words", "%rd9");
  text += std::string(f.text) + " [" + base_of(where, true) + "], " + vector(f, true) + ";\n";
  if (where == space::shared) text += saved_words("ld.shared.u64", "%r7");
  if (where == space::local) text += saved_words("ld.local.u64", "l_words");
  return text;
}

std::string atomic(const form_row &f) {
  const bool shared = static_cast<space>(f.widths[1]) == space::shared;
  const char *const base = shared ? "%r7" : "%rd5";
  std::string text = (shared ? "st.shared.u64 [%r7]" : "st.global.u64 [%rd5]");
  text += std::string(", %rd10;\n") + f.text + " " + result(f.widths[0], 1) + ", [" + base + "], " +
          source(f.widths[0], 1) + ";\n" + save(f.widths[0], 1);
  if (shared) text += "ld.shared.u64 %rd20, [%r7];\n" + save(64, 0);
  return text;
}

std::string copy(const form_row &f) {
  const std::string bytes = std::to_string(f.elements), opcode(f.text);
  return words("st.shared.u64", "%r7", "%rd9") + "and.b32 %r30, %r11, " + bytes + ";\n" +
         opcode.substr(0, opcode.find(':')) + " [%r7], [%rd4], " + bytes +
         ", %r30;\ncp.async.commit_group;\ncp.async.wait_group 0;\n" +
         saved_words("ld.shared.u64", "%r7");
}

/* Neighbours exchange a word through shared memory. */
std::string exchange(const char *barrier) {
  return std::string("st.shared.u64 [%r7], %rd10;\n") + barrier +
         ";\nxor.b32 %r30, %r5, 32;\nadd.s32 %r30, %r30, %r6;\nld.shared.u64 %rd20, [%r30];\n" +
         save(64, 0);
}

std::string control(const form_row &f) {
  switch (f.id) {
    case form::mov_b64_unpack:
      return "mov.b64 {%r20, %r21}, %rd10;\n" + save(32, 0) + save(32, 1);
    case form::bra:
    case form::bra_uni:
      return "@%p1 bra $L_1;\nmov.u64 %rd20, 1;\nbra.uni $L_2;\n$L_1:\nmov.u64 %rd20, "
             "2;\n$L_2:\n" +
             save(64, 0);
    case form::ret:
      return "mov.u64 %rd20, 1;\n" + save(64, 0) + "@!%p1 ret;\nmov.u64 %rd20, 2;\n" + save(64, 0);
    case form::bar_sync:
      return exchange("bar.sync 0");
    case form::bar_warp_sync:
      return exchange("bar.warp.sync -1");
    case form::vote_sync_ballot_b32:
      return "vote.sync.ballot.b32 %r20, %p1, -1;\n" + save(32, 0);
    case form::cp_async_commit_group:
    case form::cp_async_wait_group:
      return copy(*find_form("cp.async.cg.shared.global:16"));
    default:
      return std::string(f.text) + " %r20|%p7, %r10, %r11, %r12, -1;\n" + save(32, 0) + save(1, 1);
  }
}

std::string program(const form_row &f) {
  std::string text = head + operands();
  switch (f.kind) {
    case form_kind::compute:
      text += compute(f);
      break;
    case form_kind::load:
      text += load(f);
      break;
    case form_kind::store:
      text += store(f);
      break;
    case form_kind::atomic:
      text += atomic(f);
      break;
    case form_kind::copy:
      text += copy(f);
      break;
    default:
      text += control(f);
  }
  return text + "ret;\n}\n";
}

/* What arithmetic treats apart: zeros, ones, subnormal, greatest, infinite, NaN; ends of integers.
 */
constexpr uint32_t special32[] = {
    0,          0x80000000, 0x3f800000, 0xbf800000, 1,          0x80000001, 0x007fffff, 0x00800000,
    0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001, 0x7fffffff,
    0xffffffff, 0x5f800000, 0x5f7fffff, 0x4b800001, 0x3f000000, 0x00000020, 0x0000003f, 0x00000040};
constexpr uint64_t special64[] = {0,
                                  0x8000000000000000,
                                  0x3ff0000000000000,
                                  0xbff0000000000000,
                                  1,
                                  0x8000000000000001,
                                  0x000fffffffffffff,
                                  0x0010000000000000,
                                  0x7fefffffffffffff,
                                  0x7ff0000000000000,
                                  0xfff0000000000000,
                                  0x7ff8000000000000,
                                  0xfff8000000000001,
                                  0x7ff0000000000001,
                                  0x7fffffffffffffff,
                                  0xffffffffffffffff,
                                  0x36a0000000000000,
                                  0x47efffffefffffff,
                                  0x380fffffffffffff,
                                  0x3ff0000010000000};

uint64_t word(generator &g, bool real64) {
  const uint64_t random = uint64_t(g.next()) << 32 | g.next();
  switch (g.below(5)) {
    case 0:
      return random;
    case 1:
      return real64 ? special64[g.below(sizeof special64 / sizeof *special64)]
                    : (random & ~uint64_t(UINT32_MAX)) |
                          special32[g.below(sizeof special32 / sizeof *special32)];
    case 2: /* a shift, a length, a count */
      return random % 80;
    default: /* a number of usual size */
      return real64 ? (random & 0x800fffffffffffff) | uint64_t(1003 + g.below(40)) << 52
                    : (random & 0xffffffff807fffff) | (107 + g.below(40)) << 23;
  }
}

bool is_real64(const char *text) {
  return strstr(text, ".f64") && strcmp(text, "cvt.f64.f32") != 0;
}

struct held {
  sl_ptx_trial trial;
  std::string text;
  std::vector<uint64_t> in;
};

}  // namespace

}  // namespace simt::ptx

using namespace simt;
using namespace simt::ptx;

sl_ptx_trial *sl_ptx_trial_of(size_t index, uint64_t seed) {
  const form_row &f = form_rows()[index];
  held *h = new held;
  generator g;
  g.seed(seed * form_rows().size() + index);
  h->text = program(f);
  for (unsigned i = 0; i < trial_blocks * trial_threads * trial_words; i++)
    h->in.push_back(word(g, is_real64(f.text)));
  h->trial = {h->text.c_str(), trial_blocks, trial_threads, h->in.data(), {}};
  for (unsigned char &b : h->trial.block) b = static_cast<unsigned char>(g.next());
  return &h->trial;
}

void sl_ptx_trial_free(sl_ptx_trial *trial) { delete reinterpret_cast<held *>(trial); }

/* Parses and decodes a text of one entry; what it gives lives until the next. */
static const entry &alone(const char *text) {
  static module_text module;
  static entry code;
  static std::vector<uint8_t> executed;
  module = module_text();
  forget_places();
  module.path = "trial.ptx", module.text = text;
  parse(module);
  if (module.entries.size() != 1) throw bad_program(module.path, 0, "a trial has one entry");
  code = decode(module, module.entries[0], planted_index());
  code.first_place = place_instructions(code);
  executed.assign(code.code.size(), 0);
  code.executed = &executed;
  return code;
}

const char *sl_ptx_trial_run(const sl_ptx_trial *trial, uint64_t seed, uint64_t *out) {
  static std::string error;
  const size_t bytes = size_t(trial->blocks) * trial->threads * trial_words * sizeof(uint64_t);
  simt::begin(seed);
  try {
    const entry &code = alone(trial->text);
    void *in = nullptr, *result = nullptr;
    cudaStream_t stream;
    cudaStreamCreate(&stream);
    cudaMalloc(&in, bytes), cudaMalloc(&result, bytes);
    cudaMemcpyAsync(in, trial->in, bytes, cudaMemcpyHostToDevice, stream);
    cudaMemsetAsync(result, 0, bytes, stream);
    packed_arguments arguments;
    arguments.add(in), arguments.add(result);
    arguments.bytes.insert(arguments.bytes.end(), trial->block, trial->block + 32);
    enqueue_launch(
        "trial", nullptr, trial->blocks, trial->threads, 0, stream, run_thread,
        [](void *p) { delete static_cast<ptx_launch *>(p); },
        new ptx_launch{&code, arguments.bytes, false}, sizeof(ptx_launch));
    cudaMemcpyAsync(out, result, bytes, cudaMemcpyDeviceToHost, stream);
    cudaStreamSynchronize(stream);
    cudaStreamDestroy(stream);
    cudaFree(in), cudaFree(result);
    return nullptr;
  } catch (const std::exception &what) {
    error = what.what();
    return error.c_str();
  }
}
