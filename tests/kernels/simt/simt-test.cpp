/* The simulator: right kernels give one result and no finding under 200 seeds; each planted failure
 * is caught by the check that it is named for, or shows as a result that changes with the seed. */
#include "kernels.h"

#include "kernels/simt/internal.h"
#include "kernels/simt/simulate.h"

#include <criterion/criterion.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <functional>
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
  cudaStreamSynchronize(nullptr);
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
  expect_clean(
      under_seeds(rows, [](float *x, float *y) { launch_warp_sum(rows, x, y, columns, NO_BUG); }));
  expect_clean(under_seeds(96, [](float *x, float *y) { launch_tile_scale(x, y, 3, NO_BUG); }));
  expect_clean(under_seeds(rows + 1, [](float *x, float *y) {
    launch_two_streams(rows, x, y, y + rows, columns, true);
  }));
  expect_clean(under_seeds(128, [](float *x, float *y) { launch_warp_exchange(x, y, 4, NO_BUG); }));
  expect_clean(under_seeds(32, [](float *x, float *y) { launch_vector_copy(x, y, NO_BUG); }));
}

/* Lanes of a warp run in any order, as threads that a GPU schedules independently do. */
Test(simt, warp_exchange_without_syncwarp) {
  const outcome o =
      under_seeds(128, [](float *x, float *y) { launch_warp_exchange(x, y, 4, DROPPED_SYNCWARP); });
  cr_expect(o.bugs.count(simt::bug::race));
  cr_expect_gt(o.hashes.size(), 1u);
}

Test(simt, a_vote_orders_no_memory) {
  const outcome o = under_seeds(
      128, [](float *x, float *y) { launch_warp_exchange(x, y, 4, VOTE_FOR_SYNCWARP); });
  cr_expect(o.bugs.count(simt::bug::race));
}

Test(simt, syncwarp_orders_the_lanes_that_it_names) {
  const outcome o =
      under_seeds(128, [](float *x, float *y) { launch_warp_exchange(x, y, 4, HALF_SYNCWARP); });
  cr_expect(o.bugs.count(simt::bug::race));
}

Test(simt, asynchronous_copies_are_aligned) {
  for (planted bug : {MISALIGNED_COPY, ODD_COPY}) {
    const outcome o = under_seeds(
        32, [=](float *x, float *y) { launch_vector_copy(x, y, bug); }, 4);
    cr_expect(o.bugs.count(simt::bug::misaligned), "planted %d", bug);
  }
}

Test(simt, asynchronous_copies_come_from_global_memory) {
  const outcome o = under_seeds(
      32, [](float *x, float *y) { launch_vector_copy(x, y, COPY_FROM_SHARED); }, 4);
  cr_expect(o.bugs.count(simt::bug::out_of_bounds));
}

Test(simt, limits_of_a_launch) {
  simt::begin(1);
  cr_expect_eq(try_launch(dim3(1, 1, 1), dim3(1024, 1, 1), 48 * 1024, 0), cudaSuccess);
  for (const dim3 &grid :
       {dim3(0, 1, 1), dim3(0x80000000u, 1, 1), dim3(1, 65536, 1), dim3(1, 1, 65536)})
    cr_expect_eq(try_launch(grid, dim3(32, 1, 1), 0, 0), cudaErrorInvalidConfiguration,
                 "grid %u x %u x %u", grid.x, grid.y, grid.z);
  for (const dim3 &block :
       {dim3(0, 1, 1), dim3(1025, 1, 1), dim3(64, 32, 1), dim3(1, 1, 65), dim3(65536, 65536, 1)})
    cr_expect_eq(try_launch(dim3(1, 1, 1), block, 0, 0), cudaErrorInvalidConfiguration,
                 "block %u x %u x %u", block.x, block.y, block.z);
  cr_expect_eq(cudaGetLastError(), cudaSuccess, "told twice");
}

Test(simt, shared_memory_over_48_KiB_is_asked_for) {
  simt::begin(1);
  cr_expect_eq(try_launch(dim3(1, 1, 1), dim3(32, 1, 1), 48 * 1024 + 4, 0), cudaErrorInvalidValue);
  cr_expect_eq(try_launch(dim3(1, 1, 1), dim3(32, 1, 1), 64 * 1024, 64 * 1024), cudaSuccess);
  cr_expect_eq(try_launch(dim3(1, 1, 1), dim3(32, 1, 1), 64 * 1024 + 4, 64 * 1024),
               cudaErrorInvalidValue);
  cr_expect_eq(try_launch(dim3(1, 1, 1), dim3(32, 1, 1), 0, 228 * 1024), cudaErrorInvalidValue);
  simt::begin(2);
  cr_expect_eq(try_launch(dim3(1, 1, 1), dim3(32, 1, 1), 64 * 1024, 0), cudaErrorInvalidValue,
               "granted in another run");
}

/* A device has 99, 163 or 227 KiB for a block: 40 and 64 are too much for the first. */
Test(simt, static_and_dynamic_shared_memory) {
  const outcome o = under_seeds(
      32, [](float *, float *y) { launch_large_static(y, 64 * 1024); }, 40);
  cr_expect(o.bugs.count(simt::bug::out_of_bounds));
  expect_clean(under_seeds(
      32, [](float *, float *y) { launch_large_static(y, 48 * 1024); }, 40));
}

Test(simt, arguments_lie_at_their_alignment) {
  static_assert(simt::parameter_bytes<>() == 0 &&
                simt::parameter_bytes<char, double, char>() == 17);
  static_assert(simt::parameter_bytes<std::array<char, 5000>>() > simt::parameter_bytes_max,
                "what launch_kernel refuses");
}

Test(simt, dropped_barrier_is_a_race) {
  const outcome o = row_sum(DROPPED_BARRIER);
  cr_expect(o.bugs.count(simt::bug::race));
  cr_expect_gt(o.hashes.size(), 1u);
}

Test(simt, barrier_in_divergent_code) {
  cr_expect(row_sum(DIVERGENT_BARRIER).bugs.count(simt::bug::barrier_divergence));
}

Test(simt, uninitialised_accumulator) {
  cr_expect(row_sum(UNINITIALISED_ACCUMULATOR).bugs.count(simt::bug::uninitialised));
}

Test(simt, off_by_one_tail) {
  cr_expect(row_sum(OFF_BY_ONE_TAIL).bugs.count(simt::bug::out_of_bounds));
}

Test(simt, float_atomic) { cr_expect(row_sum(FLOAT_ATOMIC).bugs.count(simt::bug::float_atomic)); }

Test(simt, wrong_shuffle_mask) {
  const outcome o = under_seeds(
      rows, [](float *x, float *y) { launch_warp_sum(rows, x, y, columns, WRONG_MASK); });
  cr_expect(o.bugs.count(simt::bug::shuffle_mask));
}

Test(simt, copy_read_before_it_arrived) {
  const outcome o =
      under_seeds(96, [](float *x, float *y) { launch_tile_scale(x, y, 3, MISSING_WAIT); });
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
  const outcome o = under_seeds(rows + 1, [](float *x, float *y) {
    launch_two_streams(rows, x, y, y + rows, columns, false);
  });
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

/* A copy takes what lies there when its turn comes. */
Test(simt, host_memory_written_before_it_is_copied) {
  std::vector<float> host(rows);
  const outcome o = under_seeds(rows, [&](float *, float *y) {
    for (size_t i = 0; i < rows; i++) host[i] = 1.0f;
    cudaMemcpyAsync(y, host.data(), rows * sizeof(float), cudaMemcpyHostToDevice, nullptr);
    for (size_t i = 0; i < rows; i++) host[i] = 2.0f;
    cudaStreamSynchronize(nullptr);
  });
  cr_expect_gt(o.hashes.size(), 1u);
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
  const outcome o = under_seeds(rows, [](float *x, float *y) {
    launch_row_sum(1, reinterpret_cast<float *>(reinterpret_cast<char *>(x) + 2), y, 64, NO_BUG);
  });
  cr_expect(o.bugs.count(simt::bug::misaligned));
}

Test(simt, a_seed_replays_exactly) {
  std::vector<std::string> first, second;
  for (std::vector<std::string> *texts : {&first, &second}) {
    simt::begin(42);
    float *x = upload(std::vector<float>(rows * columns, 1.0f)),
          *y = upload(std::vector<float>(rows, 0.0f));
    launch_row_sum(rows, x, y, columns, DROPPED_BARRIER);
    cudaDeviceSynchronize();
    for (const simt::finding &f : simt::findings) texts->push_back(simt::describe(f));
  }
  cr_assert_not(first.empty());
  cr_expect(first == second);
}

/* Steps at positions 0, 1, ..., each launched, or recorded once and then launched as a graph. */
static outcome steps(bool as_graph, planted bug) {
  static unsigned positions[rows];
  return under_seeds(
      rows,
      [=](float *x, float *y) {
        cudaStream_t stream;
        cudaGraph_t graph;
        cudaGraphExec_t steps;
        unsigned *position = reinterpret_cast<unsigned *>(upload(std::vector<float>(1, 0.0f)));
        cr_assert_eq(cudaStreamCreate(&stream), cudaSuccess);
        cr_assert_eq(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
        launch_append(y, x, position, 0, stream, bug);
        cr_assert_eq(cudaStreamEndCapture(stream, &graph), cudaSuccess);
        cr_assert_eq(cudaGraphInstantiateWithFlags(&steps, graph, 0), cudaSuccess);
        cr_assert_eq(cudaGraphDestroy(graph), cudaSuccess);
        for (unsigned p = 0; p < rows; p++) {
          positions[p] = p;
          cudaMemcpyAsync(position, &positions[p], sizeof p, cudaMemcpyHostToDevice, stream);
          if (as_graph)
            cr_assert_eq(cudaGraphLaunch(steps, stream), cudaSuccess);
          else
            launch_append(y, x, position, p, stream, bug);
        }
        cr_expect_eq(simt::launch_count, static_cast<unsigned>(rows));
        cr_assert_eq(cudaStreamSynchronize(stream), cudaSuccess);
        cr_assert_eq(cudaStreamDestroy(stream), cudaSuccess);
        cr_assert_eq(cudaGraphExecDestroy(steps), cudaSuccess);
      },
      40);
}

Test(simt, a_graph_runs_what_was_recorded_on_what_memory_holds) {
  const outcome launched = steps(false, NO_BUG), repeated = steps(true, NO_BUG);
  expect_clean(repeated);
  cr_expect(repeated.hashes == launched.hashes);
}

Test(simt, a_position_that_was_recorded_shows) {
  const outcome launched = steps(false, RECORDED_POSITION),
                repeated = steps(true, RECORDED_POSITION);
  cr_expect(launched.hashes == steps(false, NO_BUG).hashes, "launched one by one it is right");
  cr_expect(repeated.bugs.empty());
  cr_expect(repeated.hashes != launched.hashes);
}

/* A copy that is recorded takes what lies in page-locked memory when it runs. */
Test(simt, a_graph_copies_anew) {
  simt::begin(1);
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t copy;
  void *p;
  float *y = upload(std::vector<float>(1, 0.0f));
  cr_assert_eq(cudaMallocHost(&p, 2 * sizeof *y), cudaSuccess);
  float *host = static_cast<float *>(p) + 1;
  cudaStreamCreate(&stream);
  cr_assert_eq(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  *host = 1.0f;
  cr_expect_eq(cudaMemcpyAsync(y, host, sizeof *y, cudaMemcpyHostToDevice, stream), cudaSuccess);
  cr_assert_eq(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  cr_assert_eq(cudaGraphInstantiateWithFlags(&copy, graph, 0), cudaSuccess);
  for (float want : {2.0f, 3.0f}) {
    *host = want;
    cr_assert_eq(cudaGraphLaunch(copy, stream), cudaSuccess);
    cudaStreamSynchronize(stream);
    cr_expect_eq(download(y, 1)[0], want);
  }
  cudaGraphDestroy(graph), cudaGraphExecDestroy(copy), cudaStreamDestroy(stream);
  cudaFreeHost(p);
}

/* What must not be done while a stream captures: it is refused, and there is no graph. */
Test(simt, captures_refuse_what_cuda_refuses) {
  static float host[rows];
  simt::begin(1);
  float *x = upload(std::vector<float>(rows, 1.0f)), *y = upload(std::vector<float>(rows, 0.0f));
  unsigned *position = reinterpret_cast<unsigned *>(upload(std::vector<float>(1, 0.0f)));
  cudaStream_t stream;
  cudaEvent_t event;
  cudaGraph_t graph;
  void *p = nullptr;
  cudaStreamCreate(&stream), cudaEventCreate(&event);
  cr_expect_eq(cudaStreamEndCapture(stream, &graph), cudaErrorIllegalState);
  cr_expect_eq(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeThreadLocal),
               cudaErrorStreamCaptureUnsupported);
  const std::function<cudaError_t()> forbidden[] = {
      [&] { return cudaMalloc(&p, 4); },
      [&] { return cudaFree(x); },
      [&] { return cudaMallocHost(&p, 4); },
      [&] { return cudaFreeHost(nullptr); },
      [&] { return cudaStreamSynchronize(stream); },
      [&] { return cudaDeviceSynchronize(); },
      [&] { return cudaMemcpyAsync(y, host, 4, cudaMemcpyHostToDevice, stream); },
      [&] { return cudaMemcpyAsync(host, y, 4, cudaMemcpyDeviceToHost, stream); },
      [&] { return cudaMemcpyAsync(y, x, 4, cudaMemcpyDeviceToDevice, nullptr); },
      [&] { return cudaMemsetAsync(y, 0, 4, nullptr); },
      [&] { return cudaEventRecord(event, stream); },
      [&] { return cudaStreamWaitEvent(stream, event, 0); },
      [&] { return launch_append(y, x, position, 0, nullptr, NO_BUG), cudaGetLastError(); }};
  for (const auto &call : forbidden) {
    const long which = &call - forbidden;
    cr_assert_eq(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
    cr_expect_eq(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal),
                 cudaErrorIllegalState);
    cr_expect_neq(call(), cudaSuccess, "call %ld", which);
    cr_expect_eq(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated,
                 "call %ld", which);
    cr_expect_null(graph);
  }
  cr_assert_eq(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  launch_append(y, x, position, 0, stream, NO_BUG);
  cr_expect_eq(cudaMemcpyAsync(y, x, 4, cudaMemcpyDeviceToDevice, stream), cudaSuccess);
  cr_expect_eq(cudaMemsetAsync(y, 0, 4, stream), cudaSuccess);
  cr_expect_eq(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  cudaGraphDestroy(graph);
  cr_expect_eq(download(y, rows), std::vector<float>(rows, 0.0f), "recording ran something");
  cr_expect_eq(simt::launch_count, 0u);
  cudaStreamDestroy(stream), cudaEventDestroy(event);
}
