/* Which tile runs a product, and whether its chunks are split over blocks; the sum of split chunks
 * (spec N3.2, N3.3).
 *
 * Operations 2 m n k; bytes 4 (m k + n k + m n (1 or 2)), as long as the tiles of the blocks that
 * run together stay in L2. A block of 128 x 128 does 32 operations for each byte that it takes from
 * L2, so the floor is the fma rate: 2 m n k / (128 fma per SM and clock); for m <= 8 (decoding) it
 * is the reading of the weights, 4 n k bytes. Splitting costs 8 bytes per result and chunk of 512
 * operations.
 *
 * Tiles run in waves of as many blocks as the device holds; the last wave is seldom full, and a
 * weight's gradient may be less than one. plan_of therefore weighs tiles, and the tiles of the last
 * wave, or all of them, split by chunks: 896 x 4864 results are 266 large tiles, two waves of 132
 * and two tiles, which unsplit take a third wave; 256 x 512 are 8 large ones, or 32 medium ones in
 * less time. */
#include "gemm.cuh"

namespace sl {

/* Tiles: BM, BN, BK, TM, TN, stages, blocks an SM. */
typedef gemm_tile<128, 128, 16, 8, 8, 2, 1> large_tile;
/* Three stages: a block that is alone on its multiprocessor has no other's work to hide its loads.
 */
typedef gemm_tile<64, 64, 16, 8, 4, 3, 3> medium_tile;
typedef gemm_tile<8, 64, 32, 4, 2, 4, 4> narrow_tile;
typedef gemm_tile<16, 16, 4, 2, 2, 2, 1> smallest_tile; /* for the simulator */

constexpr size_t chunks_a_launch = 32768;

enum tile_choice { large, medium, narrow, smallest };

/* Results of a tile, its floats of scratch, the blocks that share a multiprocessor, and the clocks
 * that a chunk takes of each of 1, 2, ... of them: issued instructions and what they wait for,
 * estimated, to compare tiles with. Narrow tiles wait for memory. */
struct tile_cost {
  size_t m, n, blocks;
  double clocks[4];
};
template <typename T>
static constexpr tile_cost cost_of(double one, double two, double three, double four) {
  return {T::BM, T::BN, T::Blocks, {one, two, three, four}};
}
static const tile_cost tile_costs[] = {
    cost_of<large_tile>(39e3, 0, 0, 0), cost_of<medium_tile>(12.5e3, 23e3, 34e3, 0),
    cost_of<narrow_tile>(4e3, 6e3, 9e3, 12e3), cost_of<smallest_tile>(39e3, 0, 0, 0)};

static size_t parts_of(size_t n, size_t each) { return n / each + (n % each != 0); }
static size_t smaller_of(size_t a, size_t b) { return a < b ? a : b; }

/* Clocks for that many blocks of a chunk each. */
static double waves(const tile_cost &t, size_t processors, size_t blocks) {
  const size_t slots = processors * t.blocks, rest = blocks % slots;
  return static_cast<double>(blocks / slots) * t.clocks[t.blocks - 1] +
         (rest ? t.clocks[parts_of(rest, processors) - 1] : 0.0);
}

/* The same where their results go through memory to combine_kernel, at 2300 bytes per clock. */
static double split_waves(const tile_cost &t, size_t processors, size_t blocks) {
  return 1.05 * waves(t, processors, blocks) +
         static_cast<double>(blocks * t.m * t.n) * (8 / 2300.0) + 6e3;
}

/* Tiles [0, unsplit) have a block each for all chunks; of the others each chunk has its own, `pass`
 * chunks a launch. */
struct gemm_plan {
  tile_choice tile;
  size_t unsplit, pass, floats; /* floats: of scratch */
  double clocks;
};

/* The least of: no tile split, the tiles of the last wave, all. */
static gemm_plan plan_of_tile(tile_choice tile, size_t processors, const gemm_product &p,
                              size_t scratch_floats) {
  const tile_cost &t = tile_costs[tile];
  const size_t tiles = parts_of(p.m, t.m) * parts_of(p.n, t.n), chunks = p.n_chunks,
               most = tile == smallest ? 3 : chunks_a_launch;
  gemm_plan best = {tile, tiles, 0, 0, static_cast<double>(chunks) * waves(t, processors, tiles)};
  const size_t candidates[] = {tiles % (processors * t.blocks), tiles};
  for (size_t split : candidates) {
    const size_t floats = split * t.m * t.n,
                 pass = split ? smaller_of(smaller_of(chunks, most), scratch_floats / floats) : 0;
    if (pass < 2) continue;
    double clocks = split < tiles
                        ? 4e3 + static_cast<double>(chunks) * waves(t, processors, tiles - split)
                        : 0.0;
    clocks += static_cast<double>(chunks / pass) * split_waves(t, processors, split * pass);
    if (chunks % pass) clocks += split_waves(t, processors, split * (chunks % pass));
    if (clocks < best.clocks) best = {tile, tiles - split, pass, pass * floats, clocks};
  }
  return best;
}

/* The plan of least time on a device with that many multiprocessors and at most that much scratch.
 * It cannot affect a result (spec N3.3). There is no narrow tile without k contiguous: that is the
 * gradient of a weight of few outputs, which is never the bulk. */
static gemm_plan plan_of(sl_context *ctx, gemm_layout layout, const gemm_product &p,
                         size_t scratch_floats) {
  const size_t processors = static_cast<size_t>(ctx->device->processors);
  if (ctx->device->smallest_tiles) return plan_of_tile(smallest, processors, p, scratch_floats);
  if (p.m <= 8 && layout != both_row) return plan_of_tile(narrow, processors, p, scratch_floats);
  const gemm_plan finer = plan_of_tile(medium, processors, p, scratch_floats);
  if (p.m <= 64 || p.n <= 64) return finer;
  const gemm_plan coarser = plan_of_tile(large, processors, p, scratch_floats);
#ifdef SL_SIMT /* its problems are small: that each tile is tried comes from the seed */
  return processors % 2 ? finer : coarser;
#else
  return coarser.clocks <= finer.clocks ? coarser : finer;
#endif
}

/* C = (C or +0) + the results of `chunks` chunks, ascending, + bias, for the tiles from first_tile
 * on; the ends only where this launch is the first or the last. */
template <typename T>
static __global__ void combine_kernel(gemm_product p, const float *results, unsigned first_tile,
                                      size_t tiles, unsigned chunks, bool from_c, bool with_bias) {
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
      total = __fadd_rn(total,
                        results[(SL_PLANTED(gemm_swapped_order) ? chunks - 1 - c : c) * all + i]);
    p.c[m * p.ldc + n] = with_bias && p.bias ? __fadd_rn(total, p.bias[n]) : total;
  }
}

template <typename T, bool AK, bool BK, int Vec>
static void launch_tile(sl_context *ctx, const gemm_product &p, float *scratch,
                        const gemm_plan &plan) {
  const unsigned tiles = static_cast<unsigned>(parts_of(p.m, T::BM) * parts_of(p.n, T::BN)),
                 unsplit = static_cast<unsigned>(plan.unsplit);
  const cudaStream_t stream = ctx->device->stream;
  if (unsplit)
    SL_LAUNCH((gemm_kernel<T, AK, BK, Vec, false>), unsplit, T::threads, 0, stream, p, nullptr, 0,
              0, p.n_chunks);
  for (unsigned c = 0; unsplit < tiles && c < p.n_chunks; c += static_cast<unsigned>(plan.pass)) {
    const unsigned left = p.n_chunks - c,
                   chunks = left < plan.pass ? left : static_cast<unsigned>(plan.pass);
    const dim3 split(tiles - unsplit, chunks);
    const size_t results = static_cast<size_t>(tiles - unsplit) * T::BM * T::BN;
    SL_LAUNCH((gemm_kernel<T, AK, BK, Vec, true>), split, T::threads, 0, stream, p, scratch,
              unsplit, c, c + chunks);
    SL_LAUNCH(combine_kernel<T>, blocks_for(results, 256), 256, 0, stream, p, scratch, unsplit,
              static_cast<size_t>(tiles - unsplit), chunks, p.accumulate || c > 0, left == chunks);
  }
}

template <bool AK, bool BK, int Vec>
static void launch_layout(sl_context *ctx, const gemm_product &p, float *scratch,
                          const gemm_plan &plan) {
#if defined SL_SIMT || defined SL_SMALLEST_TILES
  if (plan.tile == smallest) return launch_tile<smallest_tile, AK, BK, Vec>(ctx, p, scratch, plan);
#endif
  if (plan.tile == large) return launch_tile<large_tile, AK, BK, Vec>(ctx, p, scratch, plan);
  if constexpr (AK)
    if (plan.tile == narrow) return launch_tile<narrow_tile, AK, BK, Vec>(ctx, p, scratch, plan);
  launch_tile<medium_tile, AK, BK, Vec>(ctx, p, scratch, plan);
}

static bool fits_vector(const float *p, size_t ld, size_t extent) {
  return reinterpret_cast<uintptr_t>(p) % 16 == 0 && ld % 4 == 0 && extent % 4 == 0;
}

/* True if each group of four along the contiguous side is aligned, and there as a whole or not
 * at all. */
static bool vectors(gemm_layout layout, const gemm_product &p) {
  static_assert(dot_chunk % 4 == 0, "a chunk's end does not cut a vector");
  if (layout != both_k && !fits_vector(p.c, p.ldc, p.n)) return false;
  for (int i = 0; i < p.n_parts; i++) {
    const gemm_part &q = p.part[i];
    if (!fits_vector(q.a, q.lda, layout == both_row ? p.m : q.k) ||
        !fits_vector(q.b, q.ldb, layout == both_k ? q.k : p.n))
      return false;
  }
  return true;
}

sl_status gemm_sizes(sl_context *ctx, const char *kernel, size_t m, size_t n, size_t k) {
  const size_t end = static_cast<size_t>(1) << 31;
  if (m < end && n < end && k < end) return SL_OK;
  return sl_fail(&ctx->error, SL_ERR_INPUT, "%s: a dimension of %zu x %zu x %zu is not below 2^31",
                 kernel, m, n, k);
}

size_t gemm_scratch(sl_context *ctx, gemm_layout layout, const gemm_product &p) {
  return p.m == 0 || p.n == 0 ? 0 : plan_of(ctx, layout, p, scratch_max).floats;
}

void launch_gemm(sl_context *ctx, gemm_layout layout, const gemm_product &p, float *scratch,
                 size_t scratch_floats) {
  if (p.m == 0 || p.n == 0) return;
  const gemm_plan plan = plan_of(ctx, layout, p, scratch_floats);
  const bool vec = vectors(layout, p);
  if (layout == both_k)
    return vec ? launch_layout<true, true, 4>(ctx, p, scratch, plan)
               : launch_layout<true, true, 1>(ctx, p, scratch, plan);
  if (layout == a_k_b_row)
    return vec ? launch_layout<true, false, 4>(ctx, p, scratch, plan)
               : launch_layout<true, false, 1>(ctx, p, scratch, plan);
  return vec ? launch_layout<false, false, 4>(ctx, p, scratch, plan)
             : launch_layout<false, false, 1>(ctx, p, scratch, plan);
}

}  // namespace sl
