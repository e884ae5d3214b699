/* Where a finding is. The simulator's places are addresses in the program, of which the shadow
 * keeps 32-bit offsets from its start. Instructions get numbers that look like addresses: 2 GiB
 * above the start, where no code of the program is. Nothing lies there, and nothing is read there:
 * an array would count against a limit on address space before main could say a word. */
#include "kernels/simt/internal.h"
#include "program.h"

extern "C" __attribute__((visibility("hidden"))) char __ehdr_start;

namespace simt::ptx {

namespace {

constexpr uintptr_t places_offset = uintptr_t(1) << 31;
constexpr size_t places_max = size_t(1) << 26;
size_t used;
std::map<size_t, const entry *> entries; /* by their first place */

uintptr_t places() { return reinterpret_cast<uintptr_t>(&__ehdr_start) + places_offset; }

std::string base_name(const std::string &path) { return path.substr(path.find_last_of('/') + 1); }

std::string source_of(const entry &e, const entry::place &w) {
  const auto file = e.module->files.find(w.file);
  if (file == e.module->files.end() || !w.source_line) return "";
  return base_name(file->second) + ":" + std::to_string(w.source_line);
}

/* "gemm.ptx:1234 (gemm.cuh:77)"; "" if the place is no instruction. */
std::string place_name(const void *place) {
  const uintptr_t p = reinterpret_cast<uintptr_t>(place);
  if (p < places() || p >= places() + used) return "";
  const size_t at = p - places();
  const auto found = --entries.upper_bound(at);
  const entry &e = *found->second;
  return place_range(e, at - found->first, at - found->first);
}

}  // namespace

std::string place_range(const entry &e, size_t first, size_t last) {
  const entry::place &a = e.places[first], &b = e.places[last];
  std::string text = base_name(e.module->path) + ":" + std::to_string(a.line);
  if (a.line != b.line) text += "-" + std::to_string(b.line);
  const std::string from = source_of(e, a), to = source_of(e, b);
  if (!from.empty()) text += " (" + from + (to == from || to.empty() ? "" : " to " + to) + ")";
  return text;
}

const char *place_instructions(const entry &e) {
  if (e.code.size() > places_max - used) return nullptr;
  instruction_name = place_name;
  const char *first = reinterpret_cast<const char *>(places() + used);
  entries[used] = &e;
  used += e.code.size();
  return first;
}

void forget_places() {
  entries.clear();
  used = 0;
}

}  // namespace simt::ptx
