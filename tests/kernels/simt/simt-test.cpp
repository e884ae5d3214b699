/* The simulator: right kernels give one result and no finding under 200 seeds; each planted failure is caught by the check that it is
 * named for, or shows as a result that changes with the seed. */
#include "kernels.h"

#include "kernels/simt/internal.h"
#include "kernels/simt/simulate.h"

#include <criterion/criterion.h>

#include <cstdio>
#include <cstring>
#include <set>
#include <vector>

namespace {

constexpr int rows = 6, columns = 77, seeds = 200;

struct outcome {
  std::set<uint32_t> hashes;
  std::set<simt::bug> bugs;
};

uint32_t hash_of(const std::vector<float> &y) {
  uint32_t h = 2166136261u;
  for (float f : y) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    h = (h ^ u) * 16777619u;
  }
  return h;
}

float *upload(const std::vector<float> &x) {
  void *p;
  cudaMalloc(&p, x.size() * sizeof(float));
  cudaMemcpyAsync(p, x.data(), x.size() * sizeof(float), cudaMemcpyHostToDevice, nullptr);
  return static_cast<float *>(p);
}

std::vector<float> download(const float *p, size_t n) {
  std::vector<float> y(n);
  cudaMemcpyAsync(y.data(), p, n * sizeof(float), cudaMemcpyDeviceToHost, nullptr);
  cudaStreamSynchronize(nullptr);
  return y;
}

/* Runs body(x, y) under many seeds; x holds rows * columns numbers, y gets n results. */
template <typename F>
outcome under_seeds(size_t n, F body, int how_many = seeds) {
  std::vector<float> x(rows * columns);
  for (size_t i = 0; i < x.size(); i++) x[i] = 1.0f / static_cast<float>(i + 3);
  outcome o;
  for (int seed = 1; seed <= how_many; seed++) {
    simt::begin(static_cast<uint64_t>(seed));
    float *dx = upload(x), *dy = upload(std::vector<float>(n, 0.0f));
    body(dx, dy);
    o.hashes.insert(hash_of(download(dy, n)));
    for (const simt::finding &f : simt::findings) {
      if (o.bugs.insert(f.kind).second) printf("seed %d: %s\n", seed, simt::describe(f).c_str());
    }
  }
  return o;
}

void expect_clean(const outcome &o) {
  cr_expect(o.bugs.empty(), "findings in a right kernel");
  cr_expect_eq(o.hashes.size(), 1u, "%zu results under %d seeds", o.hashes.size(), seeds);
}

outcome row_sum(planted bug) {
  return under_seeds(rows, [=](float *x, float *y) { launch_row_sum(rows, x, y, columns, bug); });
}

}  // namespace

Test(simt, right_kernels_are_clean) {
  expect_clean(row_sum(NO_BUG));
  expect_clean(under_seeds(rows, [](float *x, float *y) { launch_warp_sum(rows, x, y, columns, NO_BUG); }));
  expect_clean(under_seeds(96, [](float *x, float *y) { launch_tile_scale(x, y, 3, NO_BUG); }));
  expect_clean(under_seeds(rows + 1, [](float *x, float *y) { launch_two_streams(rows, x, y, y + rows, columns, true); }));
}

Test(simt, dropped_barrier_is_a_race) {
  const outcome o = row_sum(DROPPED_BARRIER);
  cr_expect(o.bugs.count(simt::bug::race));
  cr_expect_gt(o.hashes.size(), 1u);
}

Test(simt, barrier_in_divergent_code) { cr_expect(row_sum(DIVERGENT_BARRIER).bugs.count(simt::bug::barrier_divergence)); }

Test(simt, uninitialised_accumulator) { cr_expect(row_sum(UNINITIALISED_ACCUMULATOR).bugs.count(simt::bug::uninitialised)); }

Test(simt, off_by_one_tail) { cr_expect(row_sum(OFF_BY_ONE_TAIL).bugs.count(simt::bug::out_of_bounds)); }

Test(simt, float_atomic) { cr_expect(row_sum(FLOAT_ATOMIC).bugs.count(simt::bug::float_atomic)); }

Test(simt, wrong_shuffle_mask) {
  const outcome o = under_seeds(rows, [](float *x, float *y) { launch_warp_sum(rows, x, y, columns, WRONG_MASK); });
  cr_expect(o.bugs.count(simt::bug::shuffle_mask));
}

Test(simt, copy_read_before_it_arrived) {
  const outcome o = under_seeds(96, [](float *x, float *y) { launch_tile_scale(x, y, 3, MISSING_WAIT); });
  cr_expect(o.bugs.count(simt::bug::uninitialised));
}

Test(simt, order_of_blocks_shows) {
  const outcome o = under_seeds(rows, [](float *x, float *y) {
    unsigned *turn = reinterpret_cast<unsigned *>(upload(std::vector<float>(1, 0.0f)));
    launch_arrival_sum(rows, x, y, turn, columns);
  });
  cr_expect_gt(o.hashes.size(), 1u, "a swapped order must show as another result");
}

Test(simt, streams_without_an_event) {
  const outcome o = under_seeds(rows + 1, [](float *x, float *y) { launch_two_streams(rows, x, y, y + rows, columns, false); });
  cr_expect(o.bugs.count(simt::bug::race));
  cr_expect_gt(o.hashes.size(), 1u);
}

Test(simt, grid_from_the_sm_count) {
  const outcome o = under_seeds(200, [](float *x, float *y) {
    cudaDeviceProp device;
    cudaGetDeviceProperties(&device, 0);
    launch_grid_sum(x, y, columns, device.multiProcessorCount);
  });
  cr_expect_gt(o.hashes.size(), 1u);
}

Test(simt, copy_without_synchronisation) {
  std::vector<float> host(rows);
  const outcome o = under_seeds(rows, [&](float *x, float *y) {
    launch_row_sum(rows, x, y, columns, NO_BUG);
    cudaMemcpyAsync(host.data(), y, rows * sizeof(float), cudaMemcpyDeviceToHost, nullptr);
    first_of(host.data());
  });
  cr_expect(o.bugs.count(simt::bug::unsynchronised_host_read));
}

Test(simt, use_after_free) {
  const outcome o = under_seeds(rows, [](float *x, float *y) {
    float *freed = upload(std::vector<float>(columns * rows, 1.0f));
    cudaFree(freed);
    (void)x;
    launch_row_sum(rows, freed, y, columns, NO_BUG);
  });
  cr_expect(o.bugs.count(simt::bug::use_after_free));
}

Test(simt, misaligned) {
  const outcome o = under_seeds(
      rows, [](float *x, float *y) { launch_row_sum(1, reinterpret_cast<float *>(reinterpret_cast<char *>(x) + 2), y, 64, NO_BUG); });
  cr_expect(o.bugs.count(simt::bug::misaligned));
}

Test(simt, a_seed_replays_exactly) {
  std::vector<std::string> first, second;
  for (std::vector<std::string> *texts : {&first, &second}) {
    simt::begin(42);
    float *x = upload(std::vector<float>(rows * columns, 1.0f)), *y = upload(std::vector<float>(rows, 0.0f));
    launch_row_sum(rows, x, y, columns, DROPPED_BARRIER);
    cudaDeviceSynchronize();
    for (const simt::finding &f : simt::findings) texts->push_back(simt::describe(f));
  }
  cr_assert_not(first.empty());
  cr_expect(first == second);
}
