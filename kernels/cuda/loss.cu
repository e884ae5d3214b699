/* The gated objective: gradients by log-prob and entropy, and the sums that are reported (spec O1,
 * O2, O4, O5). One block per sequence: tokens are elementwise, two to four functions each; the
 * binary64 chains of O5 run on nine lanes, one a chain, in token order. Gradients and sums go to
 * the workspace, and from there to the outputs once no token of the batch is refused.
 *
 * Floor. 17 to 25 bytes per token and some 100 binary64 operations: 10 ps per token. The chains:
 * one dependent binary64 addition a token, some 8 cycles, 4 ns a token of the longest sequence
 * (sequences and chains run beside one another): 16 us at 4096 tokens. Neither is felt in a step,
 * whose matrix products are some 10^10 operations per token. */
#include "gate_program.cuh"
#include "loss_gate.cuh"

using namespace sl;

namespace {

struct loss_problem {
  float *d, *e;         /* (t) in the workspace */
  sl_loss_sums *sums;   /* (n_seq) in the workspace */
  float *ratio, *f, *w; /* (t): of an expression gate */
  sl_gated_loss_batch batch;
  const uint32_t *seq; /* device */
  loss_side side[2];
  sl_level level;
  sl_kl_kind kl;
  double beta, gamma;
  unsigned long long *faults;
};

/* Chains of one sequence in the order of their lanes. */
enum { OBJECTIVE, CENTRED, KL, ENTROPY, LOG_RATIO, Y, Y_SQUARE, WEIGHT, EFFECTIVE, CHAINS };

/* What a thread counts of its tokens. */
struct token_counts {
  uint32_t tokens, below_half, clamped, kl_clamped;
  float ratio_max;
};

}  // namespace

static __device__ __forceinline__ gate_value gate_of(const loss_problem &a, bool positive, float r,
                                                     size_t i) {
  const loss_side &s = a.side[positive];
  if (s.family < SL_GATE_CLIP) return smooth_gate(s, r);
  if (s.family == SL_GATE_EXPRESSION)
    return gate_value{a.f[i], a.w[i], static_cast<double>(a.f[i]) - static_cast<double>(s.at_one)};
  if (s.family == SL_GATE_CLIP && (positive ? r > s.edge : r < s.edge))
    return gate_value{s.edge, 0.0f, static_cast<double>(s.edge) - 1.0};
  return gate_value{r, 1.0f, static_cast<double>(r) - 1.0};
}

namespace {

/* The levels of spec N3.8 above the chunks of one sequence, in a warp's registers: every warp
 * keeps the same. A sequence has fewer than 2^32 tokens, so that five levels of 64 or more chunk
 * results do. */
struct sum_levels {
  static constexpr int levels = 5;
  double lane[levels];

  /* Takes result number c of a level. */
  __device__ __forceinline__ void push(int level, double x, size_t c) {
    const size_t own = static_cast<size_t>(lane_of_thread());
#pragma unroll
    for (int k = 0; k < levels; k++) {
      if (k < level) continue;
      if (c % lanes == own) lane[k] = add(lane[k], x);
      if ((c + 1) % sum_chunk) return;
      x = warp_sum(lane[k]), lane[k] = 0.0, c /= sum_chunk;
    }
  }

  /* The sum of the n results of the lowest level. */
  __device__ __forceinline__ double end(size_t n) {
#pragma unroll
    for (int k = 0; k < levels - 1; k++) {
      const size_t full = n / sum_chunk;
      if (n % sum_chunk) push(k + 1, warp_sum(lane[k]), full);
      n = full + (n % sum_chunk != 0);
    }
    return warp_sum(lane[levels - 1]);
  }
};

}  // namespace

/* The mean log-ratio of the unmasked tokens of [lo, hi) (spec O1.2): one warp per chunk, then the
 * levels above; 0 where there is none. */
template <int Threads>
static __device__ __forceinline__ float sequence_log_ratio(const sl_gated_loss_batch &b, size_t lo,
                                                           size_t hi) {
  constexpr int warps = Threads / lanes;
  SL_SHARED(double, chunk_sum, [warps]);
  SL_SHARED(uint32_t, chunk_tokens, [warps]);
  const size_t warp = threadIdx.x / lanes, lane = threadIdx.x % lanes;
  sum_levels above = {};
  size_t chunks = 0;
  uint32_t tokens = 0;
  for (size_t round = lo; round < hi; round += warps * sum_chunk) {
    const size_t begin = round + warp * sum_chunk,
                 end = begin + sum_chunk < hi ? begin + sum_chunk : hi;
    double sum = 0.0;
    uint32_t n = 0;
    for (size_t i = begin + lane; i < end; i += lanes)
      if (b.mask[i]) sum += static_cast<double>(__fadd_rn(b.logp_new[i], -b.logp_old[i])), n++;
    sum = warp_sum(sum);
    for (int h = lanes / 2; h > 0; h /= 2) n += __shfl_xor_sync(all_lanes, n, h);
    if (lane == 0) chunk_sum[warp] = sum, chunk_tokens[warp] = n;
    __syncthreads();
    for (size_t w = 0; w < warps && round + w * sum_chunk < hi; w++)
      above.push(0, chunk_sum[w], chunks++), tokens += chunk_tokens[w];
    __syncthreads();
  }
  const double total = above.end(chunks);
  return tokens ? static_cast<float>(total / static_cast<double>(tokens)) : 0.0f;
}

/* spec O1.3 */
static __device__ void refuse_token(const loss_problem &a, size_t i) {
  const sl_gated_loss_batch &b = a.batch;
  const float x = __fadd_rn(b.logp_new[i], -b.logp_old[i]);
  if (!isfinite(b.logp_new[i])) leave_fault(a.faults, SL_KERNEL_gated_loss, SL_FAULT_logp_new, i);
  if (!isfinite(b.logp_old[i])) leave_fault(a.faults, SL_KERNEL_gated_loss, SL_FAULT_logp_old, i);
  if (!isfinite(x)) leave_fault(a.faults, SL_KERNEL_gated_loss, SL_FAULT_log_ratio, i);
  if (b.entropy && !isfinite(b.entropy[i]))
    leave_fault(a.faults, SL_KERNEL_gated_loss, SL_FAULT_entropy, i);
  if (b.token_advantage && !isfinite(b.token_advantage[i]))
    leave_fault(a.faults, SL_KERNEL_gated_loss, SL_FAULT_token_advantage, i);
  if (!(a.beta > 0.0)) return;
  if (!isfinite(b.logp_ref[i])) leave_fault(a.faults, SL_KERNEL_gated_loss, SL_FAULT_logp_ref, i);
  if (!isfinite(__fadd_rn(b.logp_new[i], -b.logp_ref[i])))
    leave_fault(a.faults, SL_KERNEL_gated_loss, SL_FAULT_ref_ratio, i);
}

static __device__ void refuse_sequence(const loss_problem &a, size_t s) {
  if (!a.batch.token_advantage && !isfinite(a.batch.advantage[s]))
    leave_fault(a.faults, SL_KERNEL_gated_loss, SL_FAULT_advantage, s);
  if (!(a.batch.coefficient[s] >= 0.0 && a.batch.coefficient[s] <= 1.0))
    leave_fault(a.faults, SL_KERNEL_gated_loss, SL_FAULT_coefficient, s);
}

/* spec O4.7 */
static __device__ __forceinline__ float advantage_at(const sl_gated_loss_batch &b, size_t s,
                                                     size_t i) {
  return b.token_advantage ? b.token_advantage[i] : b.advantage[s];
}

/* The log-ratio of token i: of the whole sequence, or its own. */
static __device__ __forceinline__ log_ratio ratio_of(const loss_problem &a, log_ratio of_sequence,
                                                     size_t i) {
  if (a.level == SL_LEVEL_SEQUENCE) return of_sequence;
  return clamp_ratio(__fadd_rn(a.batch.logp_new[i], -a.batch.logp_old[i]));
}

/* Ratios for expressions: with the sign of the side, 0 where the token is masked or its side has a
 * kernel (sl_device_gate). */
template <int Threads>
static __global__ void __launch_bounds__(Threads) gated_loss_ratios(loss_problem a) {
  for (size_t s = blockIdx.x; s < a.batch.n_seq; s += gridDim.x) {
    const size_t lo = a.seq[s], hi = a.seq[s + 1];
    log_ratio of_sequence = {0.0f, false};
    if (a.level == SL_LEVEL_SEQUENCE)
      of_sequence = clamp_ratio(sequence_log_ratio<Threads>(a.batch, lo, hi));
    for (size_t i = lo + threadIdx.x; i < hi; i += Threads) {
      const bool live = a.batch.mask[i], positive = live && advantage_at(a.batch, s, i) > 0.0f;
      float r = 0.0f;
      if (live && a.side[positive].family == SL_GATE_EXPRESSION)
        r = sl_fn_exp(ratio_of(a, of_sequence, i).x);
      a.ratio[i] = positive ? r : -r;
    }
  }
}

/* One unmasked token: its gradients, and its terms of the chains (spec O4.2 to O4.4,
 * O5.1, O5.2). */
template <int Pitch>
static __device__ __forceinline__ void token_loss(const loss_problem &a, size_t s, size_t i,
                                                  log_ratio of_sequence, double (*term)[Pitch],
                                                  token_counts &n) {
  const float advantage = advantage_at(a.batch, s, i);
  const double c = a.batch.coefficient[s], ac = static_cast<double>(advantage) * c;
  const float gradient = static_cast<float>(-ac);
  const log_ratio x = ratio_of(a, of_sequence, i);
  const float r = sl_fn_exp(x.x);
  const gate_value g = gate_of(a, advantage > 0.0f, r, i);
  const float effective = __fmul_rn(g.w, r), y = __fadd_rn(r, -1.0f);
  float d = 0.0f;
  if (!x.clamped && gradient != 0.0f) d = __fmul_rn(effective, gradient);
  kl_value kl = {0.0, 0.0f, false};
  if (a.beta > 0.0) {
    kl = kl_of(a.kl, __fadd_rn(a.batch.logp_new[i], -a.batch.logp_ref[i]));
    d = __fadd_rn(d, __fmul_rn(static_cast<float>(a.beta * c), kl.slope));
  }
  if (!isfinite(d)) leave_fault(a.faults, SL_KERNEL_gated_loss, SL_FAULT_gradient, i);
  a.d[i] = d, a.e[i] = a.gamma > 0.0 ? static_cast<float>(-(a.gamma * c)) : 0.0f;
  const size_t t = threadIdx.x;
  term[OBJECTIVE][t] = ac * static_cast<double>(g.f), term[CENTRED][t] = ac * g.centred;
  term[KL][t] = c * kl.value,
  term[ENTROPY][t] = a.batch.entropy ? c * static_cast<double>(a.batch.entropy[i]) : 0.0;
  term[LOG_RATIO][t] = static_cast<double>(x.x),
  term[Y][t] = term[Y_SQUARE][t] = static_cast<double>(y);
  term[WEIGHT][t] = static_cast<double>(g.w), term[EFFECTIVE][t] = static_cast<double>(effective);
  n.tokens++, n.below_half += g.w < 0.5f, n.clamped += x.clamped, n.kl_clamped += kl.clamped;
  n.ratio_max = r > n.ratio_max ? r : n.ratio_max;
}

/* What the threads counted; ratios are positive, so their bits are ordered as they are. */
static __device__ __forceinline__ void add_counts(uint32_t *shared, const token_counts &n) {
  if (n.tokens == 0) return;
  atomicAdd(&shared[0], n.tokens), atomicAdd(&shared[1], n.below_half),
      atomicAdd(&shared[2], n.clamped);
  atomicAdd(&shared[3], n.kl_clamped), atomicMax(&shared[4], __float_as_uint(n.ratio_max));
}

static __device__ __forceinline__ sl_loss_sums sums_of(const double *chain, const uint32_t *count) {
  sl_loss_sums s = {};
  const bool absent = isnan(chain[OBJECTIVE]) || isnan(chain[CENTRED]);
  s.objective = absent ? static_cast<double>(NAN) : chain[OBJECTIVE],
  s.centred = absent ? static_cast<double>(NAN) : chain[CENTRED];
  s.kl = chain[KL], s.entropy = chain[ENTROPY], s.log_ratio_sum = chain[LOG_RATIO],
  s.y_sum = chain[Y], s.y_square_sum = chain[Y_SQUARE];
  s.weight_sum = chain[WEIGHT], s.effective_sum = chain[EFFECTIVE];
  s.tokens = count[0], s.below_half = count[1], s.clamped = count[2], s.kl_clamped = count[3],
  s.ratio_max = __uint_as_float(count[4]);
  return s;
}

/* Chain k over the first n tokens of a tile, ascending. */
static __device__ __forceinline__ double chain_over(double chain, int k, const double *term,
                                                    size_t n) {
  if (k == Y_SQUARE)
    for (size_t i = 0; i < n; i++) chain = fma(term[i], term[i], chain);
  else
    for (size_t i = 0; i < n; i++) chain += term[SL_PLANTED(loss_order_swapped) ? n - 1 - i : i];
  return chain;
}

/* One block per sequence. Masked tokens have terms of +0, which cannot change chains that start at
 * +0 (spec O4.6). */
template <int Threads>
static __global__ void __launch_bounds__(Threads) gated_loss_sequences(loss_problem a) {
  SL_SHARED(double, term, [CHAINS][Threads + 1]);
  SL_SHARED(double, result, [CHAINS]);
  SL_SHARED(uint32_t, count, [5]);
  const size_t thread = threadIdx.x;
  for (size_t s = blockIdx.x; s < a.batch.n_seq; s += gridDim.x) {
    const size_t lo = a.seq[s], hi = a.seq[s + 1];
    token_counts n = {0, 0, 0, 0, 0.0f};
    log_ratio of_sequence = {0.0f, false};
    double chain = 0.0;
    if (thread == 0) refuse_sequence(a, s);
    if (thread < 5) count[thread] = 0;
    if (a.level == SL_LEVEL_SEQUENCE)
      of_sequence = clamp_ratio(sequence_log_ratio<Threads>(a.batch, lo, hi));
    for (size_t first = lo; first < hi; first += Threads) {
      const size_t i = first + thread, left = hi - first < Threads ? hi - first : Threads;
      if (i < hi && a.batch.mask[i]) {
        refuse_token(a, i);
        token_loss(a, s, i, of_sequence, term, n);
      } else {
        for (int k = 0; k < CHAINS; k++) term[k][thread] = 0.0;
        if (i < hi) a.d[i] = a.e[i] = 0.0f;
      }
      __syncthreads();
      if (thread < CHAINS) chain = chain_over(chain, static_cast<int>(thread), term[thread], left);
      if (!SL_PLANTED(loss_no_barrier)) __syncthreads();
    }
    __syncthreads();
    add_counts(count, n);
    if (thread < CHAINS) result[thread] = chain;
    __syncthreads();
    if (thread == 0) a.sums[s] = sums_of(result, count);
    __syncthreads();
  }
}

/* The staged results to the outputs, unless a token is refused. */
static __global__ void gated_loss_commit(loss_problem a, float *d, float *e, sl_loss_sums *sums,
                                         size_t t) {
  if (a.faults[SL_KERNEL_gated_loss] != ~0ull) return;
  for (size_t i = thread_of_grid(); i < t; i += threads_of_grid()) {
    d[i] = a.d[i];
    if (e) e[i] = a.e[i];
  }
  for (size_t s = thread_of_grid(); s < a.batch.n_seq; s += threads_of_grid()) sums[s] = a.sums[s];
}

static bool has_expression(const loss_problem &a) {
  return a.side[0].family == SL_GATE_EXPRESSION || a.side[1].family == SL_GATE_EXPRESSION;
}

/* Workspace: sums, then what an expression gate needs, then arrays of t. */
static sl_status place(sl_context *ctx, loss_problem *a, const sl_gate *gate, size_t t,
                       void **gate_memory) {
  const bool expression = has_expression(*a);
  const size_t sums = (a->batch.n_seq * sizeof *a->sums + 15) / 16 * 16,
               own = expression ? sl_device_gate_bytes(gate, t) : 0;
  unsigned char *p = static_cast<unsigned char *>(
      sl_device_workspace(ctx, sums + own + (expression ? 5 : 2) * t * sizeof(float)));
  if (!p) return ctx->error.status;
  a->sums = reinterpret_cast<sl_loss_sums *>(p), *gate_memory = p + sums;
  a->d = reinterpret_cast<float *>(p + sums + own), a->e = a->d + t;
  if (expression) a->ratio = a->e + t, a->f = a->ratio + t, a->w = a->f + t;
  return SL_OK;
}

template <int Threads>
static sl_status launch_loss(sl_context *ctx, const loss_problem &a, const sl_gate *gate, size_t t,
                             void *gate_memory) {
  const unsigned blocks = blocks_for(a.batch.n_seq, 1);
  if (has_expression(a)) {
    SL_LAUNCH(gated_loss_ratios<Threads>, blocks, Threads, 0, ctx->device->stream, a);
    SL_TRY(sl_device_gate(ctx, gate, a.f, a.w, a.ratio, t, gate_memory));
  }
  SL_LAUNCH(gated_loss_sequences<Threads>, blocks, Threads, 0, ctx->device->stream, a);
  return SL_OK;
}

sl_status SL_DEVICE_NAME(gated_loss)(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                     const sl_objective *objective,
                                     const sl_gated_loss_batch *batch) {
  sl_status status = sl_device_offsets(ctx, batch->seq, batch->n_seq);
  if (status || batch->n_seq == 0) return status;
  const size_t t = batch->seq[batch->n_seq];
  loss_problem a = {};
  a.batch = *batch, a.seq = ctx->device->seq, a.faults = ctx->device->faults;
  a.level = objective->level, a.kl = objective->kl;
  a.beta = objective->beta, a.gamma = objective->gamma;
  for (int s = 0; s < 2; s++) a.side[s] = side_of(&objective->gate, s);
  void *gate_memory = nullptr;
  status = place(ctx, &a, &objective->gate, t, &gate_memory);
  if (status) return status;
  status = ctx->device->smallest_tiles ? launch_loss<64>(ctx, a, &objective->gate, t, gate_memory)
                                       : launch_loss<256>(ctx, a, &objective->gate, t, gate_memory);
  if (!status)
    SL_LAUNCH(gated_loss_commit, blocks_for(t + batch->n_seq, 256), 256, 0, ctx->device->stream, a,
              d, e, sums, t);
  const sl_status launched = sl_device_status(ctx, "gated_loss");
  return status ? status : launched;
}
