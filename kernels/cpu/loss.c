/* The gated loss in vectors of tokens, threaded over sequences (spec O1, O2, O4, O5).
 *
 * A block of vectors goes through ratio, gate, gradients and terms, step by step; the terms of the
 * chains of O5, in pairs, are then added token by token, while the next block is computed.
 *
 * Floor, AVX-512, sigmoid, 16 tokens: some 37 operations for the ratio, 122 for the gate (one
 * exponential, one division), 64 to gradients and terms, and 64 additions of pairs. Where two ports
 * take them all, that is 144 cycles, 9 a token, of which 4 would be the chains' latency alone.
 * AVX2 needs twice the operations. A vector alone would wait for itself: from a token's log-probs
 * to its gradient there are some 200 cycles. ci/results/python-loss.md has the times of the steps.
 * The sums cost most where a gate is cheap: eight binary64 chains in token order, which O5 fixes.
 * The batch is read once more before (check_loss.c). */
#include "cpu.h"
#include "kernels/core/check.h"
#include "loss_gate.h"

#include <math.h>

#define LOG_RATIO_MAX 80.0f

typedef struct {
  sl_staged_loss out;
  const sl_objective *objective;
  const sl_gated_loss_batch *batch;
  gate_sides *side;
} loss_job;

/* What is the same for all tokens of a sequence. */
typedef struct {
  double c;
  float advantage, kl_scale, entropy_grad;
  double ac; /* advantage c */
  float x;   /* of a sequence-level ratio, before the clamp */
} sequence;

/* The chains of spec O5 in pairs, as they are added: two lanes of one vector. */
enum { OBJECTIVE_CENTRED, LOG_RATIO_Y, WEIGHT_EFFECTIVE, SQUARE_KL, ENTROPY_NONE, PAIRS };
typedef double pair __attribute__((vector_size(16)));
/* of a vector's tokens, in the order of v64_store_pairs */
typedef double terms[PAIRS][2 * SL_VW] __attribute__((aligned(64)));
typedef struct {
  pair chain[PAIRS];
  vf ratio_max;
  uint32_t tokens, below_half, clamped, kl_clamped;
} running;

/* x are numbers (check_loss.c). */
static inline vf clamped_to_limit(vf x, vmask *clamped) {
  *clamped = v_less(v_set(LOG_RATIO_MAX), v_magnitude(x));
  return v_clamp(x, -LOG_RATIO_MAX, LOG_RATIO_MAX) + v_zero();
}

/* spec O1.2: lanes by slot, masked slots add +0, which cannot change a lane that started at +0.
 * chunk: one number for each chunk. */
static float sequence_log_ratio(double *chunk, const sl_gated_loss_batch *b, size_t lo, size_t hi) {
  double tokens = 0.0;
  size_t chunks = 0;
  for (size_t begin = lo; begin < hi; begin += SL_SUM_CHUNK) {
    const size_t end = hi - begin < SL_SUM_CHUNK ? hi : begin + SL_SUM_CHUNK;
    double lane[SL_SUM_LANES] = {0};
    for (size_t i = begin; i < end; i++) {
      lane[(i - begin) % SL_SUM_LANES] +=
          b->mask[i] ? (double)(b->logp_new[i] - b->logp_old[i]) : 0.0;
      tokens += b->mask[i] != 0;
    }
    chunk[chunks++] = lanes64_total(lane);
  }
  return tokens > 0.0 ? (float)(sum64_levels(chunk, chunks) / tokens) : 0.0f;
}

static inline token_lanes lanes_at(const loss_job *job, const sequence *q, vmask live, size_t at) {
  const sl_gated_loss_batch *b = job->batch;
  token_lanes t = {.live = live};
  vf x = v_select(t.live, v_set(q->x), v_zero());
  if (job->objective->level == SL_LEVEL_TOKEN)
    x = v_load_part(b->logp_new + at, t.live) - v_load_part(b->logp_old + at, t.live);
  t.x = clamped_to_limit(x, &t.clamped);
  t.r = v64_join(v64_exp(v64_low(t.x)), v64_exp(v64_high(t.x)));
  t.y = t.r - v_set(1.0f);
  t.advantage =
      b->token_advantage ? v_load_part(b->token_advantage + at, t.live) : v_set(q->advantage);
  t.positive = v_less(v_zero(), t.advantage);
  return t;
}

typedef struct {
  vf slope;
  vf64 value[2];
  vmask clamped;
} kl_lanes;

/* spec O4.3 */
static inline kl_lanes kl_at(const loss_job *job, size_t at, vmask live) {
  const sl_gated_loss_batch *b = job->batch;
  kl_lanes k;
  const vf y = clamped_to_limit(
      v_load_part(b->logp_new + at, live) - v_load_part(b->logp_ref + at, live), &k.clamped);
  const vf64 wide[2] = {v64_low(y), v64_high(y)};
  k.slope = v_set(1.0f), k.value[0] = wide[0], k.value[1] = wide[1];
  if (job->objective->kl == SL_KL_K2) {
    k.slope = y;
    for (int h = 0; h < 2; h++) k.value[h] = wide[h] * wide[h] * v64_set(0.5);
  } else if (job->objective->kl == SL_KL_K3) {
    const vf e = v_expm1(-y);
    k.slope = -e;
    k.value[0] = v64_low(e) + wide[0], k.value[1] = v64_high(e) + wide[1];
  }
  k.slope = v_select(k.clamped, v_zero(), k.slope);
  return k;
}

static inline __attribute__((always_inline)) void add_pairs(pair chain[PAIRS],
                                                            const double (*term)[2 * SL_VW],
                                                            size_t pairs) {
  pair sum[PAIRS];
  for (size_t p = 0; p < pairs; p++) sum[p] = chain[p];
#pragma GCC unroll 16
  for (size_t j = 0; j < SL_VW; j++) {
    const size_t half = j / (SL_VW / 2), of_half = j % (SL_VW / 2),
                 at = half * SL_VW + of_half % 2 * (SL_VW / 2) + of_half / 2 * 2;
    for (size_t p = 0; p < pairs; p++) sum[p] += *(const pair *)(const void *)&term[p][at];
  }
  for (size_t p = 0; p < pairs; p++) chain[p] = sum[p];
}

/* Adds the terms of a vector's tokens, ascending. */
static inline __attribute__((always_inline)) void add_terms(pair chain[PAIRS], const terms *term,
                                                            int entropy) {
  if (entropy)
    add_pairs(chain, *term, PAIRS);
  else
    add_pairs(chain, *term, PAIRS - 1);
}

static inline void put_terms(double *at, vf x, vf y) {
  v64_store_pairs(at, v64_low(x), v64_low(y));
  v64_store_pairs(at + SL_VW, v64_high(x), v64_high(y));
}
static inline void put_terms64(double *at, const vf64 x[2], const vf64 y[2]) {
  v64_store_pairs(at, x[0], y[0]);
  v64_store_pairs(at + SL_VW, x[1], y[1]);
}

/* Gradients, terms and counts of n tokens from `at` (spec O4.2 to O4.7, O5). Masked ones have terms
 * of +0, which cannot change chains that start at +0. */
static inline __attribute__((always_inline)) void vector_loss(const loss_job *job,
                                                              const sequence *q, running *run,
                                                              terms term, token_lanes t,
                                                              gate_lanes g, size_t at, size_t n) {
  const sl_objective *o = job->objective;
  const sl_gated_loss_batch *b = job->batch;
  const vf w = v_select(t.live, g.w, v_zero()), f = v_select(t.live, g.f, v_zero()),
           effective = w * t.r;
  const vf64 c = v64_set(q->c);
  vf64 ac[2] = {v64_set(q->ac), v64_set(q->ac)};
  vf a = v_set((float)-q->ac);
  if (b->token_advantage) {
    ac[0] = v64_low(t.advantage) * c, ac[1] = v64_high(t.advantage) * c;
    a = v64_join(-ac[0], -ac[1]);
  }
  vf d = v_select(v_or(t.clamped, v_equal(a, v_zero())), v_zero(), effective * a);
  kl_lanes kl = {.value = {v64_set(0.0), v64_set(0.0)}};
  if (o->beta > 0.0) {
    kl = kl_at(job, at, t.live);
    d = d + v_set(q->kl_scale) * kl.slope;
    run->kl_clamped += (uint32_t)__builtin_popcount(v_lane_bits(kl.clamped));
    kl.value[0] *= c, kl.value[1] *= c;
  }
  v_store_n(job->out.d + at, n, v_select(t.live, d, v_zero()));
  if (job->out.e) v_store_n(job->out.e + at, n, v_select(t.live, v_set(q->entropy_grad), v_zero()));

  put_terms64(term[OBJECTIVE_CENTRED], (vf64[]){ac[0] * v64_low(f), ac[1] * v64_high(f)},
              (vf64[]){ac[0] * g.centred[0], ac[1] * g.centred[1]});
  put_terms(term[LOG_RATIO_Y], t.x, t.y);
  put_terms(term[WEIGHT_EFFECTIVE], w, effective);
  const vf64 y[2] = {v64_low(t.y), v64_high(t.y)}; /* y^2 is exact: as the fma of O5.2 */
  put_terms64(term[SQUARE_KL], (vf64[]){y[0] * y[0], y[1] * y[1]}, kl.value);
  if (b->entropy) {
    const vf h = v_load_part(b->entropy + at, t.live);
    put_terms64(term[ENTROPY_NONE], (vf64[]){v64_low(h) * c, v64_high(h) * c},
                (vf64[]){v64_set(0.0), v64_set(0.0)});
  }
  run->ratio_max = v_max(run->ratio_max, v_select(t.live, t.r, v_zero()));
  run->tokens += (uint32_t)__builtin_popcount(v_lane_bits(t.live));
  run->below_half +=
      (uint32_t)__builtin_popcount(v_lane_bits(v_and(t.live, v_less(w, v_set(0.5f)))));
  run->clamped += (uint32_t)__builtin_popcount(v_lane_bits(t.clamped));
}

/* Vectors that are computed together, step by step: a token's exponential, its gate and its
 * gradient wait for each other, and those of other vectors fill that wait. Terms of a block are
 * added beside the exponentials of the next. */
enum { BLOCK = 8 };
typedef struct {
  token_lanes tokens[BLOCK];
  gate_lanes gate[BLOCK];
  size_t at[BLOCK];
  terms term[2][BLOCK];
} block;

/* Finds the next vectors with an unmasked token, from *at: how many. The others have gradients of
 * 0, and would add +0. */
static inline size_t next_vectors(block *b, const loss_job *job, size_t *at, size_t hi) {
  size_t n = 0;
  for (; n < BLOCK && *at < hi; *at += SL_VW) {
    const vmask live = v_flags(job->batch->mask + *at, hi - *at);
    if (v_lane_bits(live) == 0) {
      v_store_n(job->out.d + *at, hi - *at, v_zero());
      if (job->out.e) v_store_n(job->out.e + *at, hi - *at, v_zero());
      continue;
    }
    b->tokens[n].live = live;
    b->at[n++] = *at;
  }
  return n;
}

static inline __attribute__((always_inline)) running loss_of_family(const loss_job *job,
                                                                    const sequence *q, size_t lo,
                                                                    size_t hi, int family) {
  running run = {.ratio_max = v_zero()};
  block b;
  const int entropy = job->batch->entropy != NULL;
  size_t before = 0; /* vectors of the last block */
  int half = 0;
  for (size_t at = lo; at < hi || before;) {
    const size_t n = next_vectors(&b, job, &at, hi);
    const terms *old = (const terms *)b.term[1 - half];
    for (size_t k = 0; k < n || k < before; k++) {
      if (k < n) b.tokens[k] = lanes_at(job, q, b.tokens[k].live, b.at[k]);
      if (k < before) add_terms(run.chain, &old[k], entropy);
    }
    for (size_t k = 0; k < n; k++) b.gate[k] = gate_at(*job->side, family, &b.tokens[k]);
    for (size_t k = 0; k < n; k++)
      vector_loss(job, q, &run, b.term[half][k], b.tokens[k], b.gate[k], b.at[k], hi - b.at[k]);
    before = n, half = 1 - half;
  }
  return run;
}

/* A loop for each family, so that no vector asks which it is. */
static running tokens_loss(const loss_job *job, const sequence *q, size_t lo, size_t hi,
                           int family) {
  switch (family) {
    case SL_GATE_SIGMOID:
      return loss_of_family(job, q, lo, hi, SL_GATE_SIGMOID);
    case SL_GATE_ERF:
      return loss_of_family(job, q, lo, hi, SL_GATE_ERF);
    case SL_GATE_ARCTAN:
      return loss_of_family(job, q, lo, hi, SL_GATE_ARCTAN);
    case SL_GATE_SOFTSIGN:
      return loss_of_family(job, q, lo, hi, SL_GATE_SOFTSIGN);
    case SL_GATE_CLIP:
      return loss_of_family(job, q, lo, hi, SL_GATE_CLIP);
    case SL_GATE_IDENTITY:
      return loss_of_family(job, q, lo, hi, SL_GATE_IDENTITY);
    case SL_GATE_EXPRESSION:
      return loss_of_family(job, q, lo, hi, SL_GATE_EXPRESSION);
    default:
      return loss_of_family(job, q, lo, hi, TWO_FAMILIES);
  }
}

static sl_loss_sums sums_of(const running *run) {
  const pair *c = run->chain;
  sl_loss_sums s = {.objective = c[OBJECTIVE_CENTRED][0],
                    .centred = c[OBJECTIVE_CENTRED][1],
                    .kl = c[SQUARE_KL][1],
                    .entropy = c[ENTROPY_NONE][0],
                    .y_sum = c[LOG_RATIO_Y][1],
                    .y_square_sum = c[SQUARE_KL][0],
                    .weight_sum = c[WEIGHT_EFFECTIVE][0],
                    .effective_sum = c[WEIGHT_EFFECTIVE][1],
                    .ratio_max = v_max_lane(run->ratio_max),
                    .tokens = run->tokens,
                    .below_half = run->below_half,
                    .clamped = run->clamped,
                    .log_ratio_sum = c[LOG_RATIO_Y][0],
                    .kl_clamped = run->kl_clamped};
  if (isnan(s.objective) || isnan(s.centred)) s.objective = s.centred = (double)NAN;
  return s;
}

static sl_loss_sums sequence_loss(const loss_job *job, size_t s) {
  const sl_objective *o = job->objective;
  const sl_gated_loss_batch *b = job->batch;
  const size_t lo = b->seq[s], hi = b->seq[s + 1];
  const double c = b->coefficient[s];
  const sl_gate_family *family = o->gate.family;
  const sequence q = {
      .c = c,
      .advantage = b->token_advantage ? 0.0f : b->advantage[s],
      .ac = b->token_advantage ? 0.0 : (double)b->advantage[s] * c,
      .kl_scale = (float)(o->beta * c),
      .entropy_grad = o->gamma > 0.0 ? (float)-(o->gamma * c) : 0.0f,
      .x = o->level == SL_LEVEL_SEQUENCE
               ? sequence_log_ratio(job->out.chunk + lo / SL_SUM_CHUNK + s, b, lo, hi)
               : 0.0f};
  int one = family[0] == family[1] ? (int)family[0] : TWO_FAMILIES;
  if (!b->token_advantage) one = (int)family[q.advantage > 0.0f];
  const running run = tokens_loss(job, &q, lo, hi, one);
  return sums_of(&run);
}

static void loss_range(void *arg, size_t begin, size_t end, int thread) {
  const loss_job *job = arg;
  (void)thread;
  for (size_t s = begin; s < end; s++) job->out.sums[s] = sequence_loss(job, s);
}

/* 1 if every gradient is surely finite: w <= 1 (spec O2.1, O2.2), r < 2^115.5 and |A c| <= 2^11
 * leave |d| below 2^126.5, and beta <= 2^11 the KL term, whose slope is below 2^115.5 too, below
 * the same. Then results may go where they belong before all of them are there. */
static int surely_finite(const sl_objective *o, const sl_gated_loss_batch *b) {
  const float most = 0x1p11f;
  int small = o->beta <= (double)most && o->gate.family[0] != SL_GATE_EXPRESSION &&
              o->gate.family[1] != SL_GATE_EXPRESSION;
  for (size_t s = 0; small && !b->token_advantage && s < b->n_seq; s++)
    small = fabsf(b->advantage[s]) <= most;
  if (!small || !b->token_advantage) return small;
  for (size_t i = 0; i < b->seq[b->n_seq]; i++)
    small &= (b->mask[i] == 0) | (fabsf(b->token_advantage[i]) <= most);
  return small;
}

sl_status SL_ISA_NAME(gated_loss)(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                  const sl_objective *objective, const sl_gated_loss_batch *batch) {
  const size_t n = batch->n_seq, t = n ? batch->seq[n] : 0;
  const int direct = n == 0 || surely_finite(objective, batch);
  sl_staged_loss out = sl_stage_loss(ctx, n, direct ? 0 : t, t);
  if (!out.sums) return ctx->error.status;
  if (direct) out.sums = sums, out.d = d, out.e = e;
  gate_sides side = {sl_gate_for(&objective->gate, 0), sl_gate_for(&objective->gate, 1)};
  loss_job job = {out, objective, batch, &side};
  const sl_status status = sl_parallel_for(ctx, n, 1, loss_range, &job);
  return status || direct ? status : sl_commit_loss(ctx, d, e, sums, &out, batch);
}
