/* A thread of a block: runs an entry's instructions in the thread's fiber (scheduler.cpp). Every
 * access to memory that other threads may see goes through the shadow and is a point where threads
 * may switch. Only the thread itself sees what happens between two such points, so this covers all
 * interleavings of instructions. */
#include "kernels/simt/internal.h"
#include "program.h"
#include "values.h"

namespace simt::ptx {

namespace {

struct thread {
  std::vector<uint64_t> value; /* slots */
  std::vector<uint8_t> written;
  std::vector<unsigned char> local, local_written;
  const ptx_launch *l;
  const instruction *at;

  const void *place() const { return l->code->first_place + (at - l->code->code.data()); }
};

thread threads[block_threads_max];

__attribute__((noinline, cold)) void unwritten(const thread &t, uint16_t slot) {
  report(bug::uninitialised, t.place(), nullptr, -1,
         "register " + t.l->code->register_names[slot - 1u] + " was never written");
}

template <typename T>
inline __attribute__((always_inline)) T in(const thread &t, uint64_t *value, const uint8_t *written,
                                           uint16_t slot) {
  if (__builtin_expect(!written[slot], 0)) unwritten(t, slot);
  T v;
  memcpy(&v, &value[slot], sizeof v);
  return v;
}

template <typename T>
inline uint64_t bits_of(T v) {
  if constexpr (std::is_same<T, f32>::value)
    return bits_as<u32>(v);
  else if constexpr (std::is_same<T, f64>::value)
    return bits_as<u64>(v);
  else
    return static_cast<u64>(v);
}

/* Special registers, and where shared variables lie in this block. */
uint64_t late_value(const late_constant &c, const entry &e) {
  switch (c.is) {
    case late_constant::kind::tid_x:
      return thread_index.x;
    case late_constant::kind::ctaid_x:
      return block_index.x;
    case late_constant::kind::ctaid_y:
      return block_index.y;
    case late_constant::kind::ntid_x:
      return block_size.x;
    case late_constant::kind::nctaid_x:
      return grid_size.x;
    case late_constant::kind::nctaid_y:
      return grid_size.y;
    case late_constant::kind::shared:
      return static_cast<uint64_t>(
          static_cast<unsigned char *>(shared_static(&e.shared[c.index], e.shared[c.index].bytes)) -
          shared_base());
    default:
      return static_cast<uint64_t>(static_cast<unsigned char *>(shared_dynamic()) - shared_base());
  }
}

thread &begin(const ptx_launch &l) {
  const entry &e = *l.code;
  thread &t = threads[running.thread];
  const size_t first_constant = 1 + e.register_names.size();
  t.l = &l, t.at = e.code.data();
  t.value.resize(first_constant + e.constants.size());
  t.written.assign(first_constant, 0);
  t.written.resize(t.value.size(), 1);
  t.value[0] = 1, t.written[0] = 1;
  memcpy(&t.value[first_constant], e.constants.data(), e.constants.size() * sizeof(uint64_t));
  for (const late_constant &c : e.late) t.value[c.slot] = late_value(c, e);
  t.local.assign(e.local_bytes, 0xA5);
  t.local_written.assign(e.local_bytes, 0);
  return t;
}

void out_of(const thread &t, const char *what) {
  report(bug::out_of_bounds, t.place(), nullptr, -1, what);
}

void check_alignment(const thread &t, uint64_t at, size_t bytes) {
  if (at % bytes)
    report(bug::misaligned, t.place(), nullptr, -1, "address is no multiple of the access size");
}

/* A thread's own memory: arguments and local variables. nullptr: a finding. */
unsigned char *own(thread &t, space where, uint64_t at, size_t bytes, bool write) {
  const size_t size = where == space::param ? t.l->parameters.size() : t.local.size();
  if (at > size || bytes > size - at) {
    out_of(t, where == space::param ? "parameters" : "local memory");
    return nullptr;
  }
  check_alignment(t, at, bytes);
  if (where == space::param) return const_cast<unsigned char *>(&t.l->parameters[at]);
  if (write) {
    memset(&t.local_written[at], 1, bytes);
  } else if (memchr(&t.local_written[at], 0, bytes)) {
    report(bug::uninitialised, t.place(), nullptr, -1, "local memory");
  }
  return &t.local[at];
}

/* Whether that is a part of one of the module's tables. Where one lies is the host's choice, so
 * alignment is that of the place in the table and of the table's own. */
bool in_table(const thread &t, const unsigned char *p, size_t bytes) {
  for (const table &table : t.l->code->module->tables) {
    const unsigned char *first = table.bytes.data();
    if (p < first || p + bytes > first + table.bytes.size()) continue;
    check_alignment(t, static_cast<size_t>(p - first), bytes);
    if (table.declared.alignment < bytes)
      report(bug::misaligned, t.place(), nullptr, -1,
             "the table is not aligned to the access size");
    return true;
  }
  return false;
}

/* Device memory, of the space that the instruction names; the shadow knows what may be touched. */
unsigned char *device(thread &t, space where, uint64_t at, size_t bytes, bool write) {
  unsigned char *p = reinterpret_cast<unsigned char *>(at);
  if (where == space::shared) {
    at = static_cast<u32>(at);
    if (at > shared_bytes_max - bytes) {
      out_of(t, "shared memory");
      return nullptr;
    }
    return shared_base() + at;
  }
  if (!in_arena(p) || !in_arena(p + bytes - 1)) {
    if (!write && in_table(t, p, bytes)) return p;
    out_of(t, "an address outside device memory");
    return nullptr;
  }
  if (where == space::global && in_shared(p)) {
    out_of(t, "shared memory by a global address");
    return nullptr;
  }
  return p;
}

template <space Where>
inline unsigned char *touch(thread &t, uint64_t at, size_t bytes, bool write) {
  if (Where == space::param || Where == space::local) return own(t, Where, at, bytes, write);
  unsigned char *p = device(t, Where, at, bytes, write);
  if (p && in_arena(p)) shadow_access(p, bytes, write, false, t.place());
  return p;
}

template <space Where>
inline void after_access() {
  if (Where != space::param && Where != space::local) maybe_switch();
}

/* What a load leaves in the registers of an access that is a finding. */
constexpr uint64_t poison = 0xDEADBEEFDEADBEEFu;

template <typename T>
inline void set(uint64_t *value, uint8_t *written, uint16_t slot, const unsigned char *p) {
  T v = static_cast<T>(poison);
  if (p) memcpy(&v, p, sizeof v);
  value[slot] = static_cast<uint64_t>(v), written[slot] = 1;
}

/* A vector of which the program needs a part: elements that have a used byte are read, the others'
 * registers count as never written. */
template <space Where, typename T, unsigned N>
void load_used(thread &t, uint64_t *value, uint8_t *written, uint64_t at, uint32_t used) {
  for (unsigned k = 0; k < N; k++) {
    const uint16_t slot = t.at->r[k];
    if (used >> k * sizeof(T) & ((1u << sizeof(T)) - 1))
      set<T>(value, written, slot, touch<Where>(t, at + k * sizeof(T), sizeof(T), false));
    else
      written[slot] = 0;
  }
}

template <space Where, typename T, unsigned N>
inline void load(thread &t, uint64_t *value, uint8_t *written, uint64_t base) {
  const instruction &i = *t.at;
  const uint64_t at = base + static_cast<uint64_t>(int64_t(i.offset));
  if (i.offset2) {
    check_alignment(t, at, N * sizeof(T));
    load_used<Where, T, N>(t, value, written, at, static_cast<uint32_t>(i.offset2));
  } else {
    const unsigned char *p = touch<Where>(t, at, N * sizeof(T), false);
    for (unsigned k = 0; k < N; k++)
      set<T>(value, written, i.r[k], p ? p + k * sizeof(T) : nullptr);
  }
  after_access<Where>();
}

template <space Where, typename T, unsigned N>
inline void store(thread &t, uint64_t *value, const uint8_t *written, uint64_t base) {
  const instruction &i = *t.at;
  T v[N];
  for (unsigned k = 0; k < N; k++) v[k] = in<T>(t, value, written, i.r[k]);
  unsigned char *p =
      touch<Where>(t, base + static_cast<uint64_t>(int64_t(i.offset)), sizeof v, true);
  if (p) memcpy(p, v, sizeof v);
  after_access<Where>();
}

template <space Where, typename T>
uint64_t atomic(thread &t, uint64_t base, atomic_op op, T operand) {
  unsigned char *p =
      device(t, Where, base + static_cast<uint64_t>(int64_t(t.at->offset)), sizeof(T), true);
  return p ? static_cast<T>(atomic_at(p, sizeof(T), op, operand, t.place())) : poison;
}

void copy(thread &t, uint64_t shared, uint64_t global, size_t bytes, u32 read) {
  unsigned char *to = device(t, space::shared,
                             shared + static_cast<uint64_t>(int64_t(t.at->offset)), bytes, true),
                *from = nullptr;
  if (read > bytes) out_of(t, "an asynchronous copy reads more than it writes");
  if (read > 0 && read <= bytes)
    from = device(t, space::global, global + static_cast<uint64_t>(int64_t(t.at->offset2)), read,
                  false);
  if (!to || (read > 0 && !from)) return;
  async_copy_at(to, from, bytes, read, t.place());
  if (t.l->copies_land_early) async_commit(), async_wait(0);
}

/* A thread that has done more is in a loop that does not end: the longest of test_ptx_tiles.c does
 * 57,776 instructions, and this many take a second or two. */
constexpr uint64_t instructions_max = uint64_t(1) << 25;

/* Whether the thread is to stop: all of a launch that has such a loop, or 1024 threads would each
 * have to reach the limit. */
__attribute__((noinline)) bool given_up(const thread &t, uint64_t count) {
  if (count > instructions_max && !t.l->endless) {
    report(bug::deadlock, t.place(), nullptr, -1,
           "a loop that does not end: a thread did " + std::to_string(instructions_max) +
               " instructions");
    t.l->endless = true;
  }
  return t.l->endless;
}

unsigned identity(const thread &t) { /* of a barrier or warp operation */
  return static_cast<unsigned>(reinterpret_cast<uintptr_t>(t.place()));
}

void shuffle(thread &t, uint64_t *value, uint8_t *written) {
  const instruction &i = *t.at;
  const u32 a = in<u32>(t, value, written, i.r[2]), b = in<u32>(t, value, written, i.r[3]),
            c = in<u32>(t, value, written, i.r[4]), mask = in<u32>(t, value, written, i.r[5]);
  bool within = false;
  const u32 lane = source_lane(i.op, static_cast<u32>(running.thread) % warp_lanes, b, c, within);
  value[i.r[0]] = static_cast<u32>(
      warp_shuffle_at(shuffle::index, mask, a, static_cast<int>(lane), 32, t.place(), identity(t)));
  value[i.r[1]] = within;
  written[i.r[0]] = written[i.r[1]] = 1;
}

void unpack(const instruction &i, u64 both, uint64_t *value, uint8_t *written) {
  value[i.r[0]] = static_cast<u32>(both), written[i.r[0]] = 1;
  value[i.r[1]] = both >> 32, written[i.r[1]] = 1;
}

}  // namespace

/* The cases of run_thread, in its names: an operand, the result, and a form of each kind. */
#define IN(T, k) in<T>(t, value, written, i->r[k])
#define OUT(T, v) value[i->r[0]] = bits_of<T>(v), written[i->r[0]] = 1
#define PTX_1(id, text, D, A, expression, clause, open) \
  case form::id: {                                      \
    const A a = IN(A, 1);                               \
    OUT(D, expression);                                 \
    break;                                              \
  }
#define PTX_2(id, text, D, A, B, expression, clause, open) \
  case form::id: {                                         \
    const A a = IN(A, 1);                                  \
    const B b = IN(B, 2);                                  \
    OUT(D, expression);                                    \
    break;                                                 \
  }
#define PTX_3(id, text, D, A, B, C, expression, clause, open) \
  case form::id: {                                            \
    const A a = IN(A, 1);                                     \
    const B b = IN(B, 2);                                     \
    const C c = IN(C, 3);                                     \
    OUT(D, expression);                                       \
    break;                                                    \
  }
#define PTX_4(id, text, D, A, B, C, E, expression, clause, open) \
  case form::id: {                                               \
    const A a = IN(A, 1);                                        \
    const B b = IN(B, 2);                                        \
    const C c = IN(C, 3);                                        \
    const E e = IN(E, 4);                                        \
    OUT(D, expression);                                          \
    break;                                                       \
  }
#define PTX_LOAD(id, text, where, T, n, clause, open)             \
  case form::id:                                                  \
    load<space::where, T, n>(t, value, written, IN(uint64_t, 4)); \
    break;
#define PTX_STORE(id, text, where, T, n, clause, open)             \
  case form::id:                                                   \
    store<space::where, T, n>(t, value, written, IN(uint64_t, 4)); \
    break;
#define PTX_ATOMIC(id, text, where, T, operation, clause, open)                                    \
  case form::id:                                                                                   \
    OUT(T,                                                                                         \
        static_cast<T>(atomic<space::where>(t, IN(uint64_t, 4), atomic_op::operation, IN(T, 1)))); \
    break;
#define PTX_COPY(id, text, bytes, clause, open)                   \
  case form::id:                                                  \
    copy(t, IN(uint64_t, 4), IN(uint64_t, 5), bytes, IN(u32, 0)); \
    break;
#define PTX_CONTROL(...)

void run_thread(void *argument) {
  thread &t = begin(*static_cast<const ptx_launch *>(argument));
  uint64_t *const value = t.value.data();
  uint8_t *const written = t.written.data();
  const instruction *const code = t.l->code->code.data();
  uint8_t *const executed = t.l->code->executed->data();
  uint64_t count = 0;
  bool ended = false;
  for (const instruction *i = code; !ended; i++) {
    t.at = i;
    count++;
    if (i->guard && in<bool>(t, value, written, i->guard) == i->negated) continue;
    executed[i - code] = 1;
    switch (i->op) {
#include "forms.def"
      PTX_2(planted_shl_b32, "", u32, u32, u32, a << (b & 31), "", "")
      PTX_2(planted_shl_b64, "", u64, u64, u32, a << (b & 63), "", "")
      PTX_2(planted_shr_u32, "", u32, u32, u32, a >> (b & 31), "", "")
      PTX_2(planted_shr_u64, "", u64, u64, u32, a >> (b & 63), "", "")
      case form::bra:
      case form::bra_uni:
        ended = i->offset <= i - code && (count > instructions_max || t.l->endless) &&
                given_up(t, count);
        i = code + i->offset - 1;
        break;
      case form::ret:
        ended = true;
        break;
      case form::mov_b64_unpack:
        unpack(*i, IN(u64, 2), value, written);
        break;
      case form::bar_sync:
        block_barrier_at(t.place(), identity(t));
        break;
      case form::bar_warp_sync:
        warp_barrier_at(IN(u32, 0), t.place(), identity(t));
        break;
      case form::vote_sync_ballot_b32: {
        const bool p = IN(bool, 1);
        OUT(u32, warp_ballot_at(IN(u32, 2), p, t.place(), identity(t)));
        break;
      }
      case form::cp_async_commit_group:
        async_commit();
        break;
      case form::cp_async_wait_group:
        async_wait(static_cast<unsigned>(i->offset));
        break;
      default:
        shuffle(t, value, written);
    }
  }
  instruction_count += count;
}
#include "forms_undef.h"
#undef IN
#undef OUT

}  // namespace simt::ptx
