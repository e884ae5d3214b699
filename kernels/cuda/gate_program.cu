/* Programs of expression gates on the device (spec G3.1): one thread per ratio interprets the
 * instructions; what it computes lies in global memory, register by register, so that a warp's
 * accesses are one line each.
 *
 * Floor. An instruction reads up to two and writes one binary64, 24 bytes per token, from the
 * second-level cache, and is one to 40 binary64 operations; a gate of 30 instructions over 10^5
 * tokens moves 72 MB in it: some 20 us, once a step of some 10^14 operations. */
#include "gate_program.cuh"

extern "C" {
#include "kernels/gate/program.h"
}

#include <stdlib.h>

#include "kernels/gate/functions64.h"

using namespace sl;

namespace {

constexpr size_t scratch_limit = size_t(64) << 20, block_threads = 128;

/* Registers: 0 is r, 1 ... constants hold the constants, the others are a thread's own. */
struct device_program {
  const sl_instruction *code;
  const double *constant;
  uint32_t count, constants, value, weight;
};

struct gate_problem {
  float *f, *w;
  const float *ratio;
  size_t n;
  device_program side[2];
  double *scratch; /* (registers, threads of the grid) */
};

}  // namespace

/* By the same table as the host's; PICK reads two operands more, and one of them alone. */
#define SL_OPERATE_0(name, value)
#define SL_OPERATE_1(name, value) \
  case SL_OP_##name:              \
    return value;
#define SL_OPERATE_2 SL_OPERATE_1
#define SL_OPERATE_4 SL_OPERATE_0
static __device__ double operate(sl_gate_op op, double a, double b) {
  switch (op) {
#define SL_OP(name, arity, text, syntax, branches, value) SL_OPERATE_##arity(name, value)
#include "kernels/gate/ops.def"
#undef SL_OP
    default:
      return NAN; /* leaves are no operations of a program */
  }
}

/* A thread's registers. */
struct gate_registers {
  const double *constant;
  double *own;
  size_t step;
  uint32_t constants;
  double r;
  __device__ double read(uint32_t i) const {
    return i == 0 ? r : i <= constants ? constant[i] : own[(i - constants - 1) * step];
  }
};

static __global__ void __launch_bounds__(block_threads) gate_program_kernel(gate_problem a) {
  for (size_t i = thread_of_grid(); i < a.n; i += threads_of_grid()) {
    const float ratio = a.ratio[i];
    a.f[i] = a.w[i] = 0.0f;
    if (ratio == 0.0f) continue;
    const device_program &p = a.side[ratio > 0.0f];
    const gate_registers x = {p.constant, a.scratch + thread_of_grid(), threads_of_grid(),
                              p.constants, static_cast<double>(fabsf(ratio))};
    for (uint32_t k = 0; k < p.count; k++) {
      const sl_instruction &code = p.code[k];
      const double first = x.read(code.in[0]),
                   second = x.read(code.in[1]); /* an unused operand is register 0 */
      double y;
      if (code.op == SL_OP_PICK)
        y = first <= second ? x.read(code.in[2]) : x.read(code.in[3]);
      else
        y = operate(code.op, first, second);
      x.own[(code.out - p.constants - 1) * x.step] = y;
    }
    a.f[i] = p.value == UINT32_MAX ? NAN : static_cast<float>(x.read(p.value));
    a.w[i] = static_cast<float>(x.read(p.weight));
  }
}

static uint32_t constants_of(const sl_program *p) {
  uint32_t n = 0;
  while (n + 1 < p->registers && p->is_constant[n + 1]) n++;
  return n;
}

static size_t round16(size_t bytes) { return (bytes + 15) / 16 * 16; }
static size_t code_bytes(const sl_program *p) { return round16(p->count * sizeof *p->code); }
static size_t constant_bytes(const sl_program *p) { return round16(p->registers * sizeof(double)); }

/* Blocks for n ratios: what they compute must fit the limit. */
static size_t blocks_of(const sl_gate *gate, size_t n, size_t *registers) {
  *registers = 1;
  for (int s = 0; s < 2; s++) {
    const sl_program *p = sl_gate_program(gate, s);
    if (p->registers > *registers) *registers = p->registers;
  }
  const size_t fit = scratch_limit / (*registers * block_threads * sizeof(double)),
               wanted = (n + block_threads - 1) / block_threads;
  return wanted < fit ? wanted : fit ? fit : 1;
}

size_t sl_device_gate_bytes(const sl_gate *gate, size_t n) {
  if (!sl_gate_program(gate, 0)) return 0;
  size_t registers, bytes = 0;
  const size_t blocks = blocks_of(gate, n, &registers);
  for (int s = 0; s < 2; s++)
    bytes += code_bytes(sl_gate_program(gate, s)) + constant_bytes(sl_gate_program(gate, s));
  return bytes + registers * blocks * block_threads * sizeof(double);
}

static sl_status run_program(sl_context *ctx, const sl_gate *gate, float *f, float *w,
                             const float *ratio, size_t n, void *memory) {
  size_t registers;
  const size_t blocks = blocks_of(gate, n, &registers);
  gate_problem a = {f, w, ratio, n, {}, nullptr};
  unsigned char *at = static_cast<unsigned char *>(memory);
  sl_status status = SL_OK;
  for (int s = 0; s < 2 && !status; s++) {
    const sl_program *p = sl_gate_program(gate, s);
    unsigned char *const code = at, *const constant = at + code_bytes(p);
    a.side[s] = {reinterpret_cast<sl_instruction *>(code),
                 reinterpret_cast<double *>(constant),
                 p->count,
                 constants_of(p),
                 p->value,
                 p->weight};
    at = constant + constant_bytes(p);
    if (p->count) status = ctx->memory->write(ctx, code, p->code, p->count * sizeof *p->code);
    if (!status)
      status = ctx->memory->write(ctx, constant, p->constant, p->registers * sizeof(double));
  }
  if (status) return status;
  a.scratch = reinterpret_cast<double *>(at);
  SL_LAUNCH(gate_program_kernel, static_cast<unsigned>(blocks), block_threads, 0,
            ctx->device->stream, a);
  return SL_OK;
}

static void call_function(const sl_gate *gate, const float *ratio, float *f, float *w, size_t n) {
  for (size_t i = 0; i < n; i++) {
    f[i] = w[i] = 0.0f;
    if (ratio[i] != 0.0f)
      gate->function(gate->expression, ratio[i] > 0.0f, fabsf(ratio[i]), &f[i], &w[i]);
  }
}

static sl_status run_function(sl_context *ctx, const sl_gate *gate, float *f, float *w,
                              const float *ratio, size_t n) {
  const size_t bytes = n * sizeof(float);
  float *const host = static_cast<float *>(malloc(3 * bytes));
  if (!host)
    return sl_fail(&ctx->error, SL_ERR_MEMORY, "gated_loss: no memory for the ratios of %zu tokens",
                   n);
  sl_status status = ctx->memory->read(ctx, host, ratio, bytes);
  if (!status) {
    call_function(gate, host, host + n, host + 2 * n, n);
    status = ctx->memory->write(ctx, f, host + n, bytes);
  }
  if (!status) status = ctx->memory->write(ctx, w, host + 2 * n, bytes);
  free(host);
  return status;
}

sl_status sl_device_gate(sl_context *ctx, const sl_gate *gate, float *f, float *w,
                         const float *ratio, size_t n, void *memory) {
  if (n == 0) return SL_OK;
  return sl_gate_program(gate, 0) ? run_program(ctx, gate, f, w, ratio, n, memory)
                                  : run_function(ctx, gate, f, w, ratio, n);
}
