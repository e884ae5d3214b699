/* What of the host's memory asynchronous copies read and write that nobody has waited for. */
#include "internal.h"

#include <algorithm>

namespace simt {

namespace {

/* Memory of the host that an asynchronous copy reads or writes. */
struct host_range {
  const unsigned char *from;
  size_t bytes;
  uint32_t op;
};
std::vector<host_range> arriving, leaving;

void forget(std::vector<host_range> &ranges, const history &seen) {
  ranges.erase(std::remove_if(ranges.begin(), ranges.end(),
                              [&](const host_range &r) { return is_over(seen, r.op); }),
               ranges.end());
}

bool overlaps(const std::vector<host_range> &ranges, const void *p, size_t bytes) {
  const unsigned char *c = static_cast<const unsigned char *>(p);
  for (const host_range &r : ranges)
    if (c < r.from + r.bytes && r.from < c + bytes) return true;
  return false;
}

}  // namespace

void begin_copies() { arriving.clear(), leaving.clear(); }
void forget_copies(const history &seen) { forget(arriving, seen), forget(leaving, seen); }

void note_copy(copy_end end, const void *p, size_t bytes, uint32_t op) {
  std::vector<host_range> &ranges = end == copy_end::written ? arriving : leaving;
  ranges.push_back({static_cast<const unsigned char *>(p), bytes, op});
}

bool is_copied(const void *p, size_t bytes) {
  return overlaps(arriving, p, bytes) || overlaps(leaving, p, bytes);
}

void host_access(const void *p, size_t bytes, const void *place) {
  if (overlaps(arriving, p, bytes))
    report(bug::unsynchronised_host_read, place, nullptr, -1,
           "an asynchronous copy may not have arrived");
  if (in_arena(p)) report(bug::out_of_bounds, place, nullptr, -1, "the host touches device memory");
}

}  // namespace simt
