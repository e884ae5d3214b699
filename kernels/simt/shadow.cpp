/* The arena of device memory and its shadow: for each four bytes what is valid, what is
 * initialised, who wrote and who read last. Two accesses conflict if one writes, not both are
 * atomic, and nothing orders them: the same thread, a block barrier between, a
 * __syncwarp that both took part in, or an ordered pair of operations. Reads: the last two readers
 * are kept. */
#include "internal.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sys/mman.h>

namespace simt {

namespace {

constexpr size_t arena_bytes = size_t(8) << 30, word_bytes = 4, red_zone = 256;
constexpr size_t device_bytes = arena_bytes / devices_count; /* each has a part of the arena */

struct access {
  uint32_t op, instance, epoch, clock;
  int16_t thread;
  bool atomic, used;
  uint32_t place; /* offset from the program's start */
};

struct cell {
  access write, read[2];
  uint8_t valid, initialised, freed;
  bool in_flight;      /* shared memory that an asynchronous copy will write */
  uint32_t generation; /* of shared memory: which block */
};

constexpr size_t shadow_bytes = arena_bytes / word_bytes * sizeof(cell);

unsigned char *arena;
cell *shadow;
size_t arena_used[devices_count]; /* of each part */
std::map<unsigned char *, size_t> allocations;
std::multimap<size_t, unsigned char *> free_blocks[devices_count];
uint32_t shared_generation;

/* What asynchronous copies of the running block still read. */
struct copy_source {
  const unsigned char *from;
  size_t bytes;
  const void *place;
  int thread;
};
std::vector<copy_source> sources;

extern "C" __attribute__((visibility("hidden"))) char __ehdr_start, end;

/* Address space alone: pages come when they are touched. nullptr where a limit (ulimit -v) is in
 * the way. */
void *reserve(size_t bytes) {
  void *const p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : p;
}

size_t offset_of(const void *p) {
  return static_cast<size_t>(static_cast<const unsigned char *>(p) - arena);
}

size_t device_of(const void *p) { return offset_of(p) / device_bytes; }

/* Shared memory comes before the first device's. */
void forget_parts() {
  for (size_t d = 0; d < devices_count; d++)
    arena_used[d] = d ? 0 : shared_bytes_max + red_zone, free_blocks[d].clear();
}

uint8_t bits(size_t from, size_t to) {
  return static_cast<uint8_t>(((1u << (to - from)) - 1) << from);
}

uint32_t place_offset(const void *place) {
  return static_cast<uint32_t>(static_cast<const char *>(place) - &__ehdr_start);
}
const void *place_of(const access &a) { return &__ehdr_start + a.place; }

access here(bool atomic, const void *place) {
  const uint32_t clock = running.thread < 0 || !running.clock
                             ? 0
                             : running.clock[static_cast<unsigned>(running.thread) % warp_lanes];
  return {running.op,
          running.instance,
          running.epoch,
          clock,
          static_cast<int16_t>(running.thread),
          atomic,
          true,
          place_offset(place)};
}

bool ordered(const access &a, const access &now) {
  if (a.op != now.op) return op_before(a.op, now.op);
  if (a.instance != now.instance) return false;
  if (a.thread == now.thread || a.epoch < now.epoch) return true;
  const unsigned ta = static_cast<unsigned>(a.thread), tn = static_cast<unsigned>(now.thread);
  return ta / warp_lanes == tn / warp_lanes && running.clock[ta % warp_lanes] >= a.clock;
}

void check_pair(const access &a, const access &now, const char *what) {
  if (!a.used || (a.atomic && now.atomic) || ordered(a, now)) return;
  const char *scope = a.op != now.op               ? "between streams"
                      : a.instance != now.instance ? "between blocks"
                                                   : "within a block";
  report(bug::race, &__ehdr_start + now.place, place_of(a), a.thread,
         std::string(what) + ", " + scope);
}

void record_read(cell &c, const access &now) {
  if (c.read[0].used && c.read[0].instance == now.instance && c.read[0].thread == now.thread) {
    c.read[0] = now;
    return;
  }
  c.read[1] = c.read[0];
  c.read[0] = now;
}

void refresh_shared(cell &c) {
  if (c.generation == shared_generation) return;
  memset(&c, 0, sizeof c);
  c.generation = shared_generation;
}

}  // namespace

bool in_arena(const void *p) { return arena && offset_of(p) < arena_bytes; }
bool in_shared(const void *p) { return arena && offset_of(p) < shared_bytes_max; }

size_t arena_reserved() { return arena_bytes + shadow_bytes; }

/* At the first use: a program that has the simulator and does not use it reserves nothing. */
bool map_arena() {
  if (arena) return true;
  void *const a = reserve(arena_bytes), *const s = a ? reserve(shadow_bytes) : nullptr;
  if (s) {
    arena = static_cast<unsigned char *>(a), shadow = static_cast<cell *>(s);
    forget_parts();
    return true;
  }
  if (a) munmap(a, arena_bytes);
  return false;
}

unsigned char *shared_base() { return arena; }
void shared_begin_block() {
  shared_generation++;
  sources.clear();
}

void shadow_allow(void *p, size_t bytes) {
  size_t at = offset_of(p);
  for (const size_t stop = at + bytes; at < stop;) {
    cell &c = shadow[at / word_bytes];
    if (at < shared_bytes_max) refresh_shared(c);
    const size_t low = at % word_bytes,
                 high = stop - at + low < word_bytes ? stop - at + low : word_bytes;
    c.valid = static_cast<uint8_t>(c.valid | bits(low, high));
    c.initialised = static_cast<uint8_t>(c.initialised & ~bits(low, high));
    c.freed = 0;
    c.write.used = c.read[0].used = c.read[1].used = false;
    at += high - low;
  }
}

void shadow_forbid(void *p, size_t bytes) {
  const size_t first = offset_of(p) / word_bytes;
  for (size_t i = 0; i < (bytes + word_bytes - 1) / word_bytes; i++)
    shadow[first + i].valid = 0, shadow[first + i].freed = 1;
}

/* On the current device. Reuses freed memory first: a use after free then reads another
 * allocation's data, as on a device. */
void *arena_allocate(size_t bytes) {
  if (!map_arena() || bytes > device_bytes) return nullptr;
  const size_t d = static_cast<size_t>(current_device);
  const size_t size = (bytes + red_zone - 1) / red_zone * red_zone + red_zone;
  unsigned char *p = nullptr;
  const auto found = free_blocks[d].find(size);
  if (found != free_blocks[d].end()) {
    p = found->second;
    free_blocks[d].erase(found);
  } else {
    if (arena_used[d] + size > device_bytes) return nullptr;
    p = arena + d * device_bytes + arena_used[d];
    arena_used[d] += size;
  }
  allocations[p] = size;
  memset(p, 0xA5, bytes);
  shadow_allow(p, bytes);
  return p;
}

bool arena_free(void *p) {
  const auto found = allocations.find(static_cast<unsigned char *>(p));
  if (found == allocations.end()) return false;
  shadow_forbid(p, found->second);
  free_blocks[device_of(p)].insert({found->second, found->first});
  allocations.erase(found);
  return true;
}

void shadow_mark(void *p, size_t bytes, bool valid) {
  if (!allocations.count(static_cast<unsigned char *>(p)))
    report(bug::use_after_free, nullptr, nullptr, -1, "a graph's workspace");
  else
    valid ? shadow_allow(p, bytes) : shadow_forbid(p, bytes);
}

/* Reports and returns false if the bytes may not be touched at all. */
static bool check_bounds(const cell &c, uint8_t touched, const void *p, const void *place) {
  if ((c.valid & touched) == touched) return true;
  char where[64];
  snprintf(where, sizeof where, "%s memory, offset %zu",
           offset_of(p) < shared_bytes_max ? "shared" : "global", offset_of(p));
  report(c.freed ? bug::use_after_free : bug::out_of_bounds, place, nullptr, -1, where);
  return false;
}

static void check_sources(const void *p, size_t bytes, const void *place) {
  const unsigned char *const first = static_cast<const unsigned char *>(p);
  for (const copy_source &c : sources)
    if (first < c.from + c.bytes && c.from < first + bytes) {
      report(bug::race, place, c.place, c.thread,
             "writes what an asynchronous copy reads that has not landed");
      return;
    }
}

static void access_word(size_t at, uint8_t touched, bool write, const access &now, const void *p,
                        const void *place) {
  cell &c = shadow[at / word_bytes];
  if (at < shared_bytes_max) refresh_shared(c);
  if (!check_bounds(c, touched, p, place)) return;
  check_pair(c.write, now, write ? "write after write" : "read after write");
  if (write) {
    if (c.in_flight)
      report(bug::race, place, place_of(c.write), c.write.thread,
             "writes where an asynchronous copy has not landed");
    check_pair(c.read[0], now, "write after read");
    check_pair(c.read[1], now, "write after read");
    c.write = now;
    c.initialised = static_cast<uint8_t>(c.initialised | touched);
  } else {
    if ((c.initialised & touched) != touched)
      report(bug::uninitialised, place, nullptr, -1,
             at < shared_bytes_max ? "shared memory" : "global memory");
    record_read(c, now);
  }
}

void shadow_access(const void *p, size_t bytes, bool write, bool atomic, const void *place) {
  if (!in_arena(p)) {
    const char *c = static_cast<const char *>(p);
    if (in_running_stack(p) || (!write && (in_arguments(p) || (c >= &__ehdr_start && c < &end))))
      return;
    report(bug::out_of_bounds, place, nullptr, -1,
           write ? "writes outside device memory" : "reads outside device memory");
    return;
  }
  access_count++; /* arguments and constants, which nothing can change, are not counted */
  const size_t first = offset_of(p);
  if (running.device >= 0 && !in_shared(p) && device_of(p) != static_cast<size_t>(running.device))
    report(bug::out_of_bounds, place, nullptr, -1, "memory of another device");
  if (first % bytes != 0 && bytes <= 16 && (bytes & (bytes - 1)) == 0)
    report(bug::misaligned, place, nullptr, -1, "address is no multiple of the access size");
  if (write && !sources.empty()) check_sources(p, bytes, place);
  const access now = here(atomic, place);
  for (size_t at = first; at < first + bytes;) {
    const size_t low = at % word_bytes, left = first + bytes - at,
                 high = low + left < word_bytes ? low + left : word_bytes;
    access_word(at, bits(low, high), write, now,
                static_cast<const unsigned char *>(p) + (at - first), place);
    at += high - low;
  }
}

void shadow_begin_async(void *p, size_t bytes, const void *place) {
  shadow_access(p, bytes, true, false, place);
  if (!in_shared(p)) return;
  const size_t first = offset_of(p) / word_bytes;
  for (size_t i = 0; i < bytes / word_bytes; i++)
    shadow[first + i].initialised = 0, shadow[first + i].in_flight = true;
}

void shadow_begin_source(const void *p, size_t bytes, const void *place) {
  sources.push_back({static_cast<const unsigned char *>(p), bytes, place, running.thread});
}

void shadow_end_source(const void *p, const void *place) {
  for (size_t i = 0; i < sources.size(); i++)
    if (sources[i].from == p && sources[i].place == place && sources[i].thread == running.thread) {
      sources[i] = sources.back();
      sources.pop_back();
      return;
    }
}

void shadow_end_async(void *p, size_t bytes, const void *place) {
  const size_t first = offset_of(p) / word_bytes;
  for (size_t i = 0; in_shared(p) && i < bytes / word_bytes; i++)
    shadow[first + i].in_flight = false;
  shadow_access(p, bytes, true, false, place);
}

void shadow_reset_all() {
  while (!allocations.empty()) arena_free(allocations.begin()->first);
  if (!arena) return;
  for (size_t d = 0; d < devices_count; d++)
    madvise(shadow + d * device_bytes / word_bytes, arena_used[d] / word_bytes * sizeof(cell),
            MADV_DONTNEED);
  forget_parts();
}

}  // namespace simt
