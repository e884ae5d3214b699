/* The simulator's interface to C programs, and planted failures. */
#include "simulation.h"
#include "internal.h"
#include "simulate.h"

#include <cstdio>

namespace {

const sl_simulation_plant plants[] = {
#define SL_PLANT(name, kernel, found, what) {#name, #kernel, found, what},
#include "plants.def"
#undef SL_PLANT
};

int planted_index = -1;

}  // namespace

bool simt::planted(plant p) { return planted_index == static_cast<int>(p); }

void sl_simulation_begin(uint64_t seed) { simt::begin(seed); }

int sl_simulation_reserve(unsigned *gib) {
  if (gib) *gib = static_cast<unsigned>(simt::arena_reserved() >> 30);
  return simt::map_arena();
}

uint64_t sl_simulation_accesses(void) { return simt::access_count; }
uint64_t sl_simulation_bytes_to_host(void) { return simt::bytes_to_host; }
uint64_t sl_simulation_launches(void) { return simt::launch_count; }
void sl_simulation_grant_graphs(int granted) { simt::graphs_granted = granted != 0; }
size_t sl_simulation_findings(void) { return simt::findings.size(); }

void sl_simulation_describe(size_t index, char *text, size_t size) {
  snprintf(text, size, "%s", simt::describe(simt::findings[index]).c_str());
}

const char *sl_simulation_failure(void) { return simt::launch_failure(); }

size_t sl_simulation_plants(const sl_simulation_plant **list) {
  *list = plants;
  return sizeof plants / sizeof *plants;
}

void sl_simulation_set_plant(int index) { planted_index = index; }
const char *sl_simulation_planted(void) {
  return planted_index < 0 ? nullptr : plants[planted_index].name;
}

int sl_simulation_devices(void) { return simt::devices_count; }
int sl_simulation_device(void) { return simt::current_device; }
void sl_simulation_set_device(int device) { simt::make_current(device); }
int sl_simulation_device_begun(int device) { return simt::has_begun(device); }
int sl_simulation_last_error(void) { return cudaGetLastError(); }

size_t sl_simulation_device_bytes(int device) { return simt::bytes_on_device(device); }

void *sl_simulation_stream(void) {
  cudaStream_t stream = nullptr;
  cudaStreamCreate(&stream);
  return stream;
}

void sl_simulation_stream_destroy(void *stream) {
  cudaStreamDestroy(static_cast<cudaStream_t>(stream));
}

void sl_simulation_fill(void *stream, void *device_memory, int byte, size_t n) {
  cudaMemsetAsync(device_memory, byte, n, static_cast<cudaStream_t>(stream));
}

void sl_simulation_capture(void *stream) {
  cudaStreamBeginCapture(static_cast<cudaStream_t>(stream), cudaStreamCaptureModeThreadLocal);
}

int sl_simulation_end_capture(void *stream) {
  cudaGraph_t graph = nullptr;
  if (cudaStreamEndCapture(static_cast<cudaStream_t>(stream), &graph) != cudaSuccess) return -1;
  const int operations = static_cast<int>(simt::graph_operations(graph));
  cudaGraphDestroy(graph);
  return operations;
}
