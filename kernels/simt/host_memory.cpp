/* Memory of the host as the simulated CUDA runtime sees it: what is page-locked, and what
 * asynchronous copies will still read or write. */
#include "internal.h"

#include <algorithm>
#include <iterator>
#include <map>

namespace simt {

namespace {

std::map<const unsigned char *, size_t> page_locked; /* bytes, by address */

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

void begin_copies() { arriving.clear(), leaving.clear(); }
void forget_copies(const history &seen) { forget(arriving, seen), forget(leaving, seen); }

void note_arriving(void *to, size_t bytes) {
  arriving.push_back({static_cast<unsigned char *>(to), bytes, next_operation()});
}
void note_leaving(const void *from, size_t bytes) {
  leaving.push_back({static_cast<const unsigned char *>(from), bytes, next_operation()});
}
bool copies_need(const void *p, size_t bytes) {
  return overlaps(arriving, p, bytes) || overlaps(leaving, p, bytes);
}

void host_access(const void *p, size_t bytes, const void *place) {
  if (overlaps(arriving, p, bytes))
    report(bug::unsynchronised_host_read, place, nullptr, -1,
           "an asynchronous copy may not have arrived");
  if (in_arena(p)) report(bug::out_of_bounds, place, nullptr, -1, "the host touches device memory");
}

}  // namespace simt
