/* Which tile runs a product, and whether its chunks are split over blocks; the sum of split chunks (spec N3.2, N3.3).
 *
 * Operations 2 m n k; bytes 4 (m k + n k + m n (1 or 2)), as long as the tiles of the blocks that run together stay in L2. A block of
 * 128 x 128 does 32 operations for each byte that it takes from L2, so the floor is the fma rate: 2 m n k / (128 fma an SM and clock);
 * for m <= 8 (decoding) it is the reading of the weights, 4 n k bytes. Splitting costs 8 bytes a result and chunk of 512 operations.
 *
 * Tiles run in waves of as many blocks as the device holds; the last wave is seldom full, and a weight's gradient may be less than one. The
 * tiles of the last wave, or all of them, are therefore split by chunks where that is expected to take less time (plan_of): 896 x 4864
 * results are 266 tiles, two waves of 132 and two tiles, which unsplit take a third wave. */
#include "gemm.cuh"

namespace sl {

/* Tiles: BM, BN, BK, TM, TN, stages, blocks an SM. */
typedef gemm_tile<128, 128, 16, 8, 8, 2, 1> large_tile;
typedef gemm_tile<64, 64, 16, 8, 4, 2, 3> medium_tile;
typedef gemm_tile<8, 64, 32, 4, 2, 4, 4> narrow_tile;
typedef gemm_tile<16, 16, 4, 2, 2, 2, 1> smallest_tile; /* for the simulator */

constexpr size_t chunks_a_launch = 32768;

enum tile_choice { large, medium, narrow, smallest };

/* narrow has no layout without k contiguous: that is the gradient of a weight of few outputs, which is never the bulk. */
static tile_choice tile_for(sl_context *ctx, gemm_layout layout, const gemm_product &p) {
  if (ctx->device->smallest_tiles) return smallest;
  if (p.m <= 8 && layout != both_row) return narrow;
  return p.m > 64 && p.n > 64 ? large : medium;
}

struct tile_size {
  size_t m, n, blocks; /* results; how many run on a multiprocessor at once */
};

template <typename T>
static constexpr tile_size size_of() {
  return {T::BM, T::BN, T::Blocks};
}

static tile_size size_of(tile_choice t) {
  return t == large    ? size_of<large_tile>()
         : t == medium ? size_of<medium_tile>()
         : t == narrow ? size_of<narrow_tile>()
                       : size_of<smallest_tile>();
}

static size_t parts_of(size_t n, size_t each) { return n / each + (n % each != 0); }
static size_t smaller_of(size_t a, size_t b) { return a < b ? a : b; }

/* Tiles [0, whole) have a block each for all chunks; of the others each chunk has its own, `pass` chunks a launch. */
struct gemm_plan {
  size_t whole, pass, floats; /* floats: of scratch */
};

/* Time of splitting, in chunks of one block: waves that begin and end more often, the results through memory and back, and the launches. */
static double split_cost(size_t blocks, size_t slots) {
  return 1.08 * static_cast<double>(parts_of(blocks, slots)) + 0.25 * static_cast<double>(blocks) / static_cast<double>(slots) + 0.3;
}

/* What takes the least time on a device with that many multiprocessors, with at most that much scratch. None of it can show (spec N3.3). */
static gemm_plan plan_of(sl_context *ctx, gemm_layout layout, const gemm_product &p, size_t scratch_floats) {
  const tile_choice choice = tile_for(ctx, layout, p);
  const tile_size size = size_of(choice);
  const size_t processors = static_cast<size_t>(ctx->device->processors), chunks = p.n_chunks;
  const size_t slots = choice == smallest ? processors % 4 + 1 : processors * size.blocks, most = choice == smallest ? 3 : chunks_a_launch;
  const size_t tiles = parts_of(p.m, size.m) * parts_of(p.n, size.n), candidates[] = {tiles % slots, tiles};
  gemm_plan best = {tiles, 0, 0};
  double least = 0.97 * static_cast<double>(parts_of(tiles, slots) * chunks);
  for (size_t split : candidates) {
    const size_t tile_floats = split * size.m * size.n;
    const size_t pass = split ? smaller_of(smaller_of(chunks, most), scratch_floats / tile_floats) : 0;
    if (pass < 2) continue;
    double cost =
        static_cast<double>((tiles - split) / slots * chunks) + static_cast<double>(chunks / pass) * split_cost(split * pass, slots);
    if (chunks % pass) cost += split_cost(split * (chunks % pass), slots);
    if (cost < least) least = cost, best = {tiles - split, pass, pass * tile_floats};
  }
  return best;
}

/* C = (C or +0) + the results of `chunks` chunks, ascending, + bias, for the tiles from first_tile on; the ends only where this launch is
 * the first or the last. */
template <typename T>
static __global__ void combine_kernel(gemm_product p, const float *results, unsigned first_tile, size_t tiles, unsigned chunks, bool from_c,
                                      bool with_bias) {
  constexpr unsigned each = T::BM * T::BN;
  const unsigned m_used = p.m_used && *p.m_used < p.m ? *p.m_used : p.m;
  const size_t all = tiles * each;
  for (size_t i = thread_of_grid(); i < all; i += threads_of_grid()) {
    unsigned m, n;
    place_tile<T>(m, n, first_tile + static_cast<unsigned>(i / each), p.m, p.n);
    m += static_cast<unsigned>(i % each) / T::BN, n += static_cast<unsigned>(i % each) % T::BN;
    if (m >= m_used || n >= p.n) continue;
    float total = from_c ? p.c[m * p.ldc + n] : 0.0f;
#pragma unroll 8
    for (unsigned c = 0; c < chunks; c++)
      total = __fadd_rn(total, results[(SL_PLANTED(gemm_swapped_order) ? chunks - 1 - c : c) * all + i]);
    p.c[m * p.ldc + n] = with_bias && p.bias ? __fadd_rn(total, p.bias[n]) : total;
  }
}

template <typename T, bool AK, bool BK, int Vec>
static void launch_tile(sl_context *ctx, const gemm_product &p, float *scratch, const gemm_plan &plan) {
  const unsigned tiles = static_cast<unsigned>(parts_of(p.m, T::BM) * parts_of(p.n, T::BN)), whole = static_cast<unsigned>(plan.whole);
  const cudaStream_t stream = ctx->device->stream;
  if (whole) SL_LAUNCH((gemm_kernel<T, AK, BK, Vec, false>), whole, T::threads, 0, stream, p, nullptr, 0, 0, p.n_chunks);
  for (unsigned c = 0; whole < tiles && c < p.n_chunks; c += static_cast<unsigned>(plan.pass)) {
    const unsigned left = p.n_chunks - c, chunks = left < plan.pass ? left : static_cast<unsigned>(plan.pass);
    const dim3 split(tiles - whole, chunks);
    const size_t results = static_cast<size_t>(tiles - whole) * T::BM * T::BN;
    SL_LAUNCH((gemm_kernel<T, AK, BK, Vec, true>), split, T::threads, 0, stream, p, scratch, whole, c, c + chunks);
    SL_LAUNCH(combine_kernel<T>, blocks_for(results, 256), 256, 0, stream, p, scratch, whole, static_cast<size_t>(tiles - whole), chunks,
              p.accumulate || c > 0, left == chunks);
  }
}

template <bool AK, bool BK, int Vec>
static void launch_layout(sl_context *ctx, const gemm_product &p, float *scratch, const gemm_plan &plan) {
  const tile_choice tile = tile_for(ctx, AK ? both_k : both_row, p);
#ifdef SL_SIMT
  if (tile == smallest) return launch_tile<smallest_tile, AK, BK, Vec>(ctx, p, scratch, plan);
#endif
  if (tile == large) return launch_tile<large_tile, AK, BK, Vec>(ctx, p, scratch, plan);
  if constexpr (AK)
    if (tile == narrow) return launch_tile<narrow_tile, AK, BK, Vec>(ctx, p, scratch, plan);
  launch_tile<medium_tile, AK, BK, Vec>(ctx, p, scratch, plan);
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

sl_status gemm_sizes(sl_context *ctx, const char *kernel, size_t m, size_t n, size_t k) {
  const size_t end = static_cast<size_t>(1) << 31;
  if (m < end && n < end && k < end) return SL_OK;
  return sl_fail(&ctx->error, SL_ERR_INPUT, "%s: a dimension of %zu x %zu x %zu is not below 2^31", kernel, m, n, k);
}

size_t gemm_scratch(sl_context *ctx, gemm_layout layout, const gemm_product &p) {
  return p.m == 0 || p.n == 0 ? 0 : plan_of(ctx, layout, p, scratch_max).floats;
}

void launch_gemm(sl_context *ctx, gemm_layout layout, const gemm_product &p, float *scratch, size_t scratch_floats) {
  if (p.m == 0 || p.n == 0) return;
  const gemm_plan plan = plan_of(ctx, layout, p, scratch_floats);
  const bool vec = vectors(layout, p);
  if (layout == both_k)
    return vec ? launch_layout<true, true, 4>(ctx, p, scratch, plan) : launch_layout<true, true, 1>(ctx, p, scratch, plan);
  if (layout == a_k_b_row)
    return vec ? launch_layout<true, false, 4>(ctx, p, scratch, plan) : launch_layout<true, false, 1>(ctx, p, scratch, plan);
  return vec ? launch_layout<false, false, 4>(ctx, p, scratch, plan) : launch_layout<false, false, 1>(ctx, p, scratch, plan);
}

}  // namespace sl
