/* Which tile runs a product, and whether its chunks are split over blocks; the sum of split chunks (spec N3.2, N3.3).
 *
 * Operations 2 m n k; bytes 4 (m k + n k + m n (1 or 2)), as long as the tiles of the blocks that run together stay in L2. A block of
 * 128 x 128 does 32 operations for each byte that it takes from L2, so the floor is the fma rate: 2 m n k / (128 fma an SM and clock);
 * for m <= 8 (decoding) it is the reading of the weights, 4 n k bytes. Splitting costs 8 bytes a result and chunk of 512 operations. */
#include "gemm.cuh"

namespace sl {

/* Tiles: BM, BN, BK, TM, TN, stages, blocks an SM. */
typedef gemm_tile<128, 128, 16, 8, 8, 2, 1> large_tile;
typedef gemm_tile<64, 64, 16, 8, 4, 2, 3> medium_tile;
typedef gemm_tile<8, 64, 32, 4, 2, 4, 4> narrow_tile;
typedef gemm_tile<16, 16, 4, 2, 2, 2, 1> smallest_tile; /* for the simulator */

constexpr size_t enough_blocks = 256; /* fewer leave SMs of a large device idle: chunks are split then */
constexpr size_t chunks_a_launch = 32768;

enum tile_choice { large, medium, narrow, smallest };

static tile_choice tile_for(sl_context *ctx, const gemm_product &p) {
  if (ctx->device->smallest_tiles) return smallest;
  return p.m <= 8 ? narrow : p.m > 64 && p.n > 64 ? large : medium;
}

static size_t blocks_of(tile_choice t, size_t m, size_t n) {
  const size_t bm = t == large ? 128 : t == medium ? 64 : t == narrow ? 8 : 16, bn = t == large ? 128 : t == smallest ? 16 : 64;
  return ((m + bm - 1) / bm) * ((n + bn - 1) / bn);
}

/* C = (C or +0) + the results of `chunks` chunks, ascending, + bias; the ends only where this launch is the first or the last. */
static __global__ void combine_kernel(gemm_product p, const float *results, unsigned chunks, bool from_c, bool with_bias) {
  const size_t m_used = p.m_used && *p.m_used < p.m ? *p.m_used : p.m, all = static_cast<size_t>(p.m) * p.n;
  for (size_t i = thread_of_grid(); i < m_used * p.n; i += threads_of_grid()) {
    const size_t m = i / p.n, n = i % p.n;
    float total = from_c ? p.c[m * p.ldc + n] : 0.0f;
    for (unsigned c = 0; c < chunks; c++)
      total = __fadd_rn(total, results[(SL_PLANTED(gemm_swapped_order) ? chunks - 1 - c : c) * all + i]);
    p.c[m * p.ldc + n] = with_bias && p.bias ? __fadd_rn(total, p.bias[n]) : total;
  }
}

template <typename T, bool AK, bool BK, int Vec>
static void launch_tile(sl_context *ctx, const gemm_product &p, float *scratch, unsigned chunks_a_pass) {
  const dim3 grid(static_cast<unsigned>(((p.m + T::BM - 1) / T::BM) * ((p.n + T::BN - 1) / T::BN)));
  const cudaStream_t stream = ctx->device->stream;
  if (chunks_a_pass == 0) {
    SL_LAUNCH((gemm_kernel<T, AK, BK, Vec, false>), grid, T::threads, 0, stream, p, nullptr, 0, p.n_chunks);
    return;
  }
  for (unsigned c = 0; c < p.n_chunks; c += chunks_a_pass) {
    const unsigned left = p.n_chunks - c, chunks = left < chunks_a_pass ? left : chunks_a_pass;
    const dim3 split(grid.x, chunks);
    SL_LAUNCH((gemm_kernel<T, AK, BK, Vec, true>), split, T::threads, 0, stream, p, scratch, c, c + chunks);
    SL_LAUNCH(combine_kernel, blocks_for(static_cast<size_t>(p.m) * p.n, 256), 256, 0, stream, p, scratch, chunks, p.accumulate || c > 0,
              left == chunks);
  }
}

template <bool AK, bool BK, int Vec>
static void launch_layout(sl_context *ctx, const gemm_product &p, float *scratch, unsigned chunks_a_pass) {
  const tile_choice tile = tile_for(ctx, p);
#ifdef SL_SIMT
  if (tile == smallest) return launch_tile<smallest_tile, AK, BK, Vec>(ctx, p, scratch, chunks_a_pass);
#endif
  if (tile == large) return launch_tile<large_tile, AK, BK, Vec>(ctx, p, scratch, chunks_a_pass);
  if constexpr (AK) /* few rows and no k contiguous: a weight of few outputs, which is never the bulk */
    if (tile == narrow) return launch_tile<narrow_tile, AK, BK, Vec>(ctx, p, scratch, chunks_a_pass);
  launch_tile<medium_tile, AK, BK, Vec>(ctx, p, scratch, chunks_a_pass);
}

static bool fits_vector(const float *p, size_t ld, size_t extent) {
  return reinterpret_cast<uintptr_t>(p) % 16 == 0 && ld % 4 == 0 && extent % 4 == 0;
}

/* True if each group of four along the contiguous side is aligned, and there as a whole or not at all. */
static bool vectors(gemm_layout layout, const gemm_product &p) {
  static_assert(dot_chunk % 4 == 0, "a chunk's end does not cut a vector");
  if (layout != both_k && !fits_vector(p.c, p.ldc, p.n)) return false;
  for (int i = 0; i < p.n_parts; i++) {
    const gemm_part &q = p.part[i];
    if (!fits_vector(q.a, q.lda, layout == both_row ? p.m : q.k) || !fits_vector(q.b, q.ldb, layout == both_k ? q.k : p.n)) return false;
  }
  return true;
}

static size_t smaller_of(size_t a, size_t b) { return a < b ? a : b; }

sl_status gemm_sizes(sl_context *ctx, const char *kernel, size_t m, size_t n, size_t k) {
  const size_t end = static_cast<size_t>(1) << 31;
  if (m < end && n < end && k < end) return SL_OK;
  return sl_fail(&ctx->error, SL_ERR_INPUT, "%s: a dimension of %zu x %zu x %zu is not below 2^31", kernel, m, n, k);
}

size_t gemm_scratch(sl_context *ctx, const gemm_product &p) {
  const tile_choice tile = tile_for(ctx, p);
  if (p.m == 0 || p.n == 0 || p.n_chunks < 2 || blocks_of(tile, p.m, p.n) >= (tile == smallest ? 5 : enough_blocks)) return 0;
  const size_t results = static_cast<size_t>(p.m) * p.n, most = tile == smallest ? 3 : scratch_max / results;
  const size_t chunks = smaller_of(smaller_of(p.n_chunks, most), chunks_a_launch);
  return chunks < 2 ? 0 : chunks * results;
}

void launch_gemm(sl_context *ctx, gemm_layout layout, const gemm_product &p, float *scratch, size_t scratch_floats) {
  if (p.m == 0 || p.n == 0) return;
  const size_t chunks = smaller_of(gemm_scratch(ctx, p), scratch_floats) / (static_cast<size_t>(p.m) * p.n);
  const unsigned pass = chunks < 2 ? 0 : static_cast<unsigned>(chunks);
  const bool vec = vectors(layout, p);
  if (layout == both_k)
    return vec ? launch_layout<true, true, 4>(ctx, p, scratch, pass) : launch_layout<true, true, 1>(ctx, p, scratch, pass);
  if (layout == a_k_b_row)
    return vec ? launch_layout<true, false, 4>(ctx, p, scratch, pass) : launch_layout<true, false, 1>(ctx, p, scratch, pass);
  return vec ? launch_layout<false, false, 4>(ctx, p, scratch, pass) : launch_layout<false, false, 1>(ctx, p, scratch, pass);
}

}  // namespace sl
