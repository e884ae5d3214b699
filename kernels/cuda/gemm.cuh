/* The kernel of gemm.h. A block owns BM x BN results, a thread TM x TN of them; chain and total
 * stay in registers (spec N3.2). Tiles of BK terms of both operands come by 16-byte asynchronous
 * copies into a ring of `Stages` buffers, one barrier per tile; what lies beyond an edge or a
 * chunk's end becomes 0 in both operands, which cannot affect a result (spec N3.1). A tile never
 * crosses a chunk's end, so the flush - total + chain, once in SL_DOT_CHUNK terms - is a uniform
 * branch. Neither the choice of the tile nor splitting chunks over blocks can affect a result (spec
 * N1.4, N3.3). */
#ifndef SLUICE_CUDA_GEMM_CUH
#define SLUICE_CUDA_GEMM_CUH

#include "gemm.h"

namespace sl {

template <int BM_, int BN_, int BK_, int TM_, int TN_, int Stages_, int Blocks_>
struct gemm_tile {
  static constexpr int BM = BM_, BN = BN_, BK = BK_, TM = TM_, TN = TN_, Stages = Stages_,
                       Blocks = Blocks_;
  static constexpr int across = BN / TN, down = BM / TM, threads = across * down;
  /* A warp is as square as its block allows, at most 8 threads across: its loads of A and B then
   * have the fewest distinct words. */
  static constexpr int warp_across = down >= 4 ? 8 : lanes / down;
  static_assert(threads % lanes == 0 && across % warp_across == 0 && BK % 4 == 0, "tile");
};

/* One operand in shared memory: [row][k], rows BK + 4 apart, so that eight rows' 16-byte pieces
 * fall on all banks; or [k][row]. */
template <int Rows, int BK, bool K>
constexpr int buffer_floats = K ? Rows *(BK + 4) : Rows *BK;

/* Row j of a thread's: spread one by one over the threads, or in groups of up to four neighbours
 * that one load fetches. */
template <int PerThread, int Threads, bool K>
static __device__ __forceinline__ int row_of(int thread, int j) {
  constexpr int group = PerThread < 4 ? PerThread : 4;
  return K ? j * Threads + thread : j / group * (Threads * group) + thread * group + j % group;
}

/* N neighbouring floats. */
template <int N>
static __device__ __forceinline__ void load(float *to, const float *from) {
  if constexpr (N == 4) {
    const float4 v = SL_LOAD(reinterpret_cast<const float4 *>(from));
    to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
  } else if constexpr (N == 2) {
    const float2 v = SL_LOAD(reinterpret_cast<const float2 *>(from));
    to[0] = v.x, to[1] = v.y;
  } else {
    to[0] = *from;
  }
}

template <int N>
static __device__ __forceinline__ void store(float *to, const float *from) {
  if constexpr (N == 4)
    SL_STORE(reinterpret_cast<float4 *>(to), make_float4(from[0], from[1], from[2], from[3]));
  else
    *to = *from;
}

/* Starts a copy of Bytes to shared memory, or of zeros where the source is not present. */
template <int Bytes>
static __device__ __forceinline__ void copy_async(float *shared, const float *global,
                                                  bool is_present) {
#ifdef __CUDACC__
  const unsigned to = static_cast<unsigned>(__cvta_generic_to_shared(shared)),
                 bytes = is_present ? Bytes : 0;
  if constexpr (Bytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(bytes)
                 : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(global), "r"(bytes)
                 : "memory");
#else
  if (is_present) {
    __pipeline_memcpy_async(shared, global, Bytes);
    return;
  }
  const float zeros[4] = {};
  store<Bytes / 4>(shared, zeros);
#endif
}

/* How the threads of a block share the pieces of Vec floats of one operand's tile: piece i of a
 * thread lies i * step rows (of k contiguous memory, else terms) below its first, which is at
 * (outer, inner). */
template <int Rows, int BK, int Threads, int Vec, bool K>
struct piece_map {
  static constexpr int width = (K ? BK : Rows) / Vec, pieces = Rows * BK / Vec,
                       each = (pieces + Threads - 1) / Threads, step = Threads / width;
  static_assert(Threads % width == 0, "a thread's pieces lie below each other");
  static __device__ __forceinline__ int outer() { return static_cast<int>(threadIdx.x) / width; }
  static __device__ __forceinline__ int inner() {
    return static_cast<int>(threadIdx.x) % width * Vec;
  }
};

/* Starts copying rows [0, rows) x terms [0, depth) of a tile whose first piece for this thread is
 * at p; the rest becomes 0. With Vec = 4 pieces are aligned, and each is there as a whole or not
 * at all. */
template <int Rows, int BK, int Threads, int Vec, bool K>
static __device__ __forceinline__ void copy_tile(float *to, const float *p, size_t ld, int rows,
                                                 int depth) {
  typedef piece_map<Rows, BK, Threads, Vec, K> map;
  const int outer = map::outer(), inner = map::inner(), outer_end = K ? rows : depth;
  const bool inside = inner < (K ? depth : rows);
  to += outer * (K ? BK + 4 : Rows) + inner;
#pragma unroll(Vec == 4 ? 16 : 4)
  for (int i = 0; i < map::each; i++) {
    if (map::pieces % Threads != 0 && outer + i * map::step >= (K ? Rows : BK)) break;
    copy_async<4 * Vec>(to + i * map::step * (K ? BK + 4 : Rows),
                        p + static_cast<size_t>(i * map::step) * ld,
                        inside && outer + i * map::step < outer_end);
  }
}

/* The thread's rows of one operand at term k of its [k][row] buffer. */
template <int PerThread, int Threads>
static __device__ __forceinline__ void load_rows(float *to, const float *buffer, int k,
                                                 int thread) {
  constexpr int group = PerThread < 4 ? PerThread : 4;
#pragma unroll
  for (int j = 0; j < PerThread; j += group)
    load<group>(&to[j],
                &buffer[k * (PerThread * Threads) + row_of<PerThread, Threads, false>(thread, j)]);
}

template <int N>
static __device__ __forceinline__ void multiply_row(float (&chain)[N], float a,
                                                    const float (&b)[N]) {
#pragma unroll
  for (int j = 0; j < N; j++) chain[j] = __fmaf_rn(a, b[j], chain[j]);
}

/* Adds a tile's terms to the chains, k ascending, four at a time. */
template <typename T, bool AK, bool BK>
static __device__ __forceinline__ void multiply(float (&chain)[T::TM][T::TN], const float *a_tile,
                                                const float *b_tile, int ty, int tx) {
#pragma unroll
  for (int k = 0; k < T::BK; k += 4) {
    float b[4][T::TN];
#pragma unroll
    for (int j = 0; BK && j < T::TN; j++) {
      float v[4];
      load<4>(v, &b_tile[row_of<T::TN, T::across, true>(tx, j) * (T::BK + 4) + k]);
      b[0][j] = v[0], b[1][j] = v[1], b[2][j] = v[2], b[3][j] = v[3];
    }
#pragma unroll
    for (int s = 0; !BK && s < 4; s++) load_rows<T::TN, T::across>(b[s], b_tile, k + s, tx);
#pragma unroll
    for (int i = 0; AK && i < T::TM; i++) {
      float a[4];
      load<4>(a, &a_tile[row_of<T::TM, T::down, true>(ty, i) * (T::BK + 4) + k]);
#pragma unroll
      for (int s = 0; s < 4; s++) multiply_row(chain[i], a[s], b[s]);
    }
#pragma unroll
    for (int s = 0; !AK && s < 4; s++) {
      float a[T::TM];
      load_rows<T::TM, T::down>(a, a_tile, k + s, ty);
#pragma unroll
      for (int i = 0; i < T::TM; i++) multiply_row(chain[i], a[i], b[s]);
    }
  }
}

/* Where the copies stand: `chunk` of those before `stop`; this thread's first pieces of its next
 * tile are at a and b; `left` terms of it are left, `done` terms of `part` lie behind. All sizes of
 * a product are below 2^31 (launch_gemm): 32-bit numbers save registers. */
struct gemm_walk {
  const float *a, *b;
  unsigned chunk, stop, left, done;
  int part;
};

template <typename T, bool AK, bool BK, int Vec>
static __device__ __forceinline__ void enter_chunk(gemm_walk &w, const gemm_product &p, unsigned m0,
                                                   unsigned n0) {
  unsigned k = w.done;
  if (p.begin) {
    k = p.begin[w.chunk] - p.base;
    w.left = p.begin[w.chunk + 1] - p.base - k;
  } else {
    while (k >= p.part[w.part].k) w.part++, k = 0;
    w.left = p.part[w.part].k - k < dot_chunk ? p.part[w.part].k - k : dot_chunk;
    w.done = k + w.left;
    if (SL_PLANTED(gemm_tail)) w.left++;
  }
  const gemm_part &part = p.part[w.part];
  typedef piece_map<T::BM, T::BK, T::threads, Vec, AK> a_map;
  typedef piece_map<T::BN, T::BK, T::threads, Vec, BK> b_map;
  w.a = part.a + ((AK ? m0 : k) + a_map::outer()) * part.lda + (AK ? k : m0) + a_map::inner();
  w.b = part.b + ((BK ? n0 : k) + b_map::outer()) * part.ldb + (BK ? k : n0) + b_map::inner();
}

/* A walk over the chunks [first, stop). */
template <typename T, bool AK, bool BK, int Vec>
static __device__ __forceinline__ gemm_walk walk_from(unsigned first, unsigned stop,
                                                      const gemm_product &p, unsigned m0,
                                                      unsigned n0) {
  gemm_walk w = {nullptr, nullptr, first, stop, 0, 0, 0};
  for (unsigned before = first; !p.begin && before > 0;) {
    const unsigned chunks = (p.part[w.part].k + dot_chunk - 1) / dot_chunk;
    if (before < chunks) {
      w.done = before * dot_chunk;
      break;
    }
    before -= chunks, w.part++;
  }
  if (first < stop) enter_chunk<T, AK, BK, Vec>(w, p, m0, n0);
  return w;
}

/* Copies the walk's next tile and steps over it; 1 if it was its chunk's last. */
template <typename T, bool AK, bool BK, int Vec>
static __device__ __forceinline__ unsigned copy_tiles(float *a_tile, float *b_tile, gemm_walk &w,
                                                      const gemm_product &p, unsigned m0,
                                                      unsigned n0, int rows, int columns) {
  const size_t lda = p.part[w.part].lda, ldb = p.part[w.part].ldb;
  copy_tile<T::BM, T::BK, T::threads, Vec, AK>(a_tile, w.a, lda, rows, static_cast<int>(w.left));
  copy_tile<T::BN, T::BK, T::threads, Vec, BK>(b_tile, w.b, ldb, columns, static_cast<int>(w.left));
  if (w.left > T::BK) {
    w.left -= T::BK;
    w.a += AK ? T::BK : T::BK * lda;
    w.b += BK ? T::BK : T::BK * ldb;
    return 0;
  }
  if (++w.chunk < w.stop) enter_chunk<T, AK, BK, Vec>(w, p, m0, n0);
  return 1;
}

/* A value of which the compiler does not know that it had it before: what is computed from it anew
 * takes no register until then. */
static __device__ __forceinline__ int anew(int x) {
#ifdef __CUDACC__
  asm volatile("" : "+r"(x));
#endif
  return x;
}

/* Calls move(offset in the block's tile of C, result) for the thread's results inside it: four
 * neighbours at once if Group is 4. */
template <typename T, bool AK, bool BK, int Group, typename F>
static __device__ __forceinline__ void each_result(float (&result)[T::TM][T::TN], int ty, int tx,
                                                   size_t ldc, int rows, int columns, F move) {
#pragma unroll
  for (int i = 0; i < T::TM; i++) {
    const int m = row_of<T::TM, T::down, AK>(ty, i);
    if (m >= rows) continue;
#pragma unroll
    for (int j = 0; j < T::TN; j += Group) {
      const int n = row_of<T::TN, T::across, BK>(tx, j);
      if (n < columns) move(static_cast<size_t>(m) * ldc + static_cast<size_t>(n), &result[i][j]);
    }
  }
}

template <typename T>
static __device__ __forceinline__ void flush(float (&total)[T::TM][T::TN],
                                             float (&chain)[T::TM][T::TN]) {
#pragma unroll
  for (int i = 0; i < T::TM; i++)
#pragma unroll
    for (int j = 0; j < T::TN; j++) {
      total[i][j] = __fadd_rn(total[i][j], chain[i][j]);
      chain[i][j] = 0.0f;
    }
}

template <typename T, bool BK>
static __device__ __forceinline__ void add_bias(float (&total)[T::TM][T::TN], const float *bias,
                                                int tx, int columns) {
#pragma unroll
  for (int j = 0; j < T::TN; j++) {
    const int n = row_of<T::TN, T::across, BK>(tx, j);
    const float b = n < columns ? bias[n] : 0.0f;
#pragma unroll
    for (int i = 0; i < T::TM; i++) total[i][j] = __fadd_rn(total[i][j], b);
  }
}

/* The corner of a tile of C. Tiles that run together take `band` tiles of rows times as many
 * columns as there are blocks for, so that both operands are read from the L2 cache. */
template <typename T>
static __device__ __forceinline__ void place_tile(unsigned &m0, unsigned &n0, unsigned tile,
                                                  unsigned m, unsigned n) {
  constexpr unsigned band = 8;
  const unsigned down = (m + T::BM - 1) / T::BM, across = (n + T::BN - 1) / T::BN;
  const unsigned first = tile / (band * across) * band,
                 height = down - first < band ? down - first : band, i = tile % (band * across);
  m0 = (first + i % height) * T::BM;
  n0 = i / height * T::BN;
}

/* Block x owns the tile first_tile + x. Split: block y owns its chunk first_chunk + y, and leaves
 * the result in results, (chunk, tile, BM, BN), to combine_kernel. */
template <typename T, bool AK, bool BK, int Vec, bool Split>
__global__ void __launch_bounds__(T::threads, T::Blocks)
    gemm_kernel(gemm_product p, float *results, unsigned first_tile, unsigned first_chunk,
                unsigned stop_chunk) {
  constexpr int a_floats = buffer_floats<T::BM, T::BK, AK>,
                b_floats = buffer_floats<T::BN, T::BK, BK>;
  SL_SHARED(float4, a_vectors, [T::Stages * a_floats / 4]); /* float4: for the alignment */
  SL_SHARED(float4, b_vectors, [T::Stages * b_floats / 4]);
  float(*a_tile)[a_floats] = reinterpret_cast<float(*)[a_floats]>(&a_vectors[0]);
  float(*b_tile)[b_floats] = reinterpret_cast<float(*)[b_floats]>(&b_vectors[0]);
  const int warp = static_cast<int>(threadIdx.x) / lanes,
            lane = static_cast<int>(threadIdx.x) % lanes;
  int tx = warp % (T::across / T::warp_across) * T::warp_across + lane % T::warp_across;
  int ty = warp / (T::across / T::warp_across) * (lanes / T::warp_across) + lane / T::warp_across;
  unsigned m0, n0;
  place_tile<T>(m0, n0, first_tile + blockIdx.x, p.m, p.n);
  const unsigned m_used = p.m_used && *p.m_used < p.m ? *p.m_used : p.m;
  if (m0 >= m_used) return;
  const int rows = static_cast<int>(m_used - m0 < T::BM ? m_used - m0 : T::BM),
            columns = static_cast<int>(p.n - n0 < T::BN ? p.n - n0 : T::BN);
  constexpr int group = Vec == 4 && !BK && T::TN % 4 == 0 ? 4 : 1;
  const bool works =
      row_of<T::TM, T::down, AK>(ty, 0) < rows && row_of<T::TN, T::across, BK>(tx, 0) < columns;
  float *const c = p.c + m0 * p.ldc + n0;
  float chain[T::TM][T::TN] = {}, total[T::TM][T::TN] = {};
  if (!Split && p.accumulate)
    each_result<T, AK, BK, group>(total, ty, tx, p.ldc, rows, columns,
                                  [&](size_t at, float *v) { load<group>(v, &c[at]); });
  const unsigned first = Split ? first_chunk + blockIdx.y : first_chunk,
                 stop = Split ? first + 1 : stop_chunk;
  gemm_walk w = walk_from<T, AK, BK, Vec>(first, stop, p, m0, n0);
  unsigned last = 0; /* bit i: the tile i steps ahead is the last of its chunk */
  int buffer = 0, waiting = 0;
  for (int s = 0; s < T::Stages - 1; s++) {
    if (w.chunk < w.stop)
      last |= copy_tiles<T, AK, BK, Vec>(a_tile[s], b_tile[s], w, p, m0, n0, rows, columns) << s,
          waiting++;
    __pipeline_commit();
  }
  while (waiting > 0) {
    if (!SL_PLANTED(gemm_missing_wait)) __pipeline_wait_prior(T::Stages - 2);
    /* The tile has arrived for all threads, and all are done with the one before, whose buffer is
     * filled next. */
    if (!SL_PLANTED(gemm_dropped_barrier)) __syncthreads();
    const int before = buffer == 0 ? T::Stages - 1 : buffer - 1;
    waiting--;
    if (w.chunk < w.stop) {
      last |=
          copy_tiles<T, AK, BK, Vec>(a_tile[before], b_tile[before], w, p, m0, n0, rows, columns)
          << (T::Stages - 1);
      waiting++;
    }
    __pipeline_commit();
    if (works) multiply<T, AK, BK>(chain, a_tile[buffer], b_tile[buffer], ty, tx);
    if (!Split && (last & 1)) flush<T>(total, chain);
    last >>= 1;
    buffer = buffer + 1 == T::Stages ? 0 : buffer + 1;
  }
  __pipeline_wait_prior(0);
  tx = anew(tx), ty = anew(ty);
  if (Split) {
    float *const r =
        results + (static_cast<size_t>(blockIdx.y) * gridDim.x + blockIdx.x) * (T::BM * T::BN);
    each_result<T, AK, BK, group>(chain, ty, tx, T::BN, rows, columns,
                                  [&](size_t at, const float *v) { store<group>(&r[at], v); });
    return;
  }
  if (p.bias) add_bias<T, BK>(total, p.bias + n0, tx, columns);
  each_result<T, AK, BK, group>(total, ty, tx, p.ldc, rows, columns,
                                [&](size_t at, const float *v) { store<group>(&c[at], v); });
}

}  // namespace sl

#endif
