/* Devices of the simulated CUDA runtime: which is current, what they grant, what memory they and
 * page-locked memory of the host have. */
#include "internal.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <map>

namespace simt {

namespace {

struct allocation {
  int device;
  size_t bytes;
};

std::map<const void *, allocation> allocations;
std::map<const unsigned char *, size_t> page_locked; /* bytes, by address */
std::map<const void *, size_t> shared_grants;        /* dynamic bytes, by kernel */
int multiprocessors = 1;
bool begun[devices_count];

bool is_device(int device) { return device >= 0 && device < devices_count; }

}  // namespace

void draw_devices() {
  multiprocessors = 1 + static_cast<int>(choice.below(
                            choice.below(4) ? 4 : 132)); /* mostly few: problems are small */
  allocations.clear(), shared_grants.clear();
  std::fill(std::begin(begun), std::end(begun), false);
}

bool grant_shared(const void *kernel, size_t bytes) {
  if (!shared_granted(bytes)) return false;
  shared_grants[kernel] = bytes;
  return true;
}

cudaError_t refused_launch(const void *kernel, dim3 grid, dim3 block, size_t shared_bytes) {
  const size_t threads = static_cast<size_t>(block.x) * block.y * block.z;
  if (threads == 0 || threads > block_threads_max || block.z > 64)
    return cudaErrorInvalidConfiguration;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > INT32_MAX || grid.y > 65535 ||
      grid.z > 65535)
    return cudaErrorInvalidConfiguration;
  const auto grant = shared_grants.find(kernel);
  return shared_bytes > (grant == shared_grants.end() ? shared_unasked : grant->second)
             ? cudaErrorInvalidValue
             : cudaSuccess;
}

size_t bytes_on_device(int device) {
  size_t bytes = 0;
  for (const auto &row : allocations)
    if (row.second.device == device) bytes += row.second.bytes;
  return bytes;
}

void note_page_locked(const void *p, size_t bytes) {
  page_locked[static_cast<const unsigned char *>(p)] = bytes;
}
void forget_page_locked(const void *p) { page_locked.erase(static_cast<const unsigned char *>(p)); }

bool is_page_locked(const void *p) {
  const unsigned char *c = static_cast<const unsigned char *>(p);
  const auto after = page_locked.upper_bound(c);
  return after != page_locked.begin() && c < std::prev(after)->first + std::prev(after)->second;
}

size_t page_locked_bytes(const void *p) {
  const auto found = page_locked.find(static_cast<const unsigned char *>(p));
  return found == page_locked.end() ? 0 : found->second;
}

void note_allocation(const void *p, size_t bytes) {
  allocations[p] = {current_device, bytes};
  begun[current_device] = true;
}
void forget_allocation(const void *p) { allocations.erase(p); }

cudaError_t make_current(int device) {
  if (!is_device(device)) return noted(cudaErrorInvalidDevice);
  current_device = device;
  return cudaSuccess;
}

bool has_begun(int device) { return is_device(device) && begun[device]; }

}  // namespace simt

using namespace simt;

cudaError_t cudaGetDeviceCount(int *count) {
  *count = devices_count;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int *device) {
  *device = current_device;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  const cudaError_t error = make_current(device);
  if (!error) begun[device] = true;
  return error;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int device) {
  if (!is_device(device)) return noted(cudaErrorInvalidDevice);
  snprintf(p->name, sizeof p->name, "SIMT simulator");
  p->multiProcessorCount = multiprocessors;
  p->totalGlobalMem = size_t(4) << 30;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr, int device) {
  if (!is_device(device)) return noted(cudaErrorInvalidDevice);
  *value = multiprocessors;
  return cudaSuccess;
}
