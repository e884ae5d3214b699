/* Findings: one for each kind and place, with kernel, line, threads and block. */
#include "internal.h"
#include "simulate.h"

#include <cstdio>
#include <cstring>
#include <unistd.h>

namespace simt {

std::vector<finding> findings;
std::string (*instruction_name)(const void *place);

const char *bug_name(bug b) {
  static const char *const names[] = {
      "data race",         "barrier divergence",      "shuffle mask",   "out of bounds",
      "misaligned access", "uninitialised read",      "use after free", "float atomic",
      "deadlock",          "unsynchronised host read"};
  return names[static_cast<int>(b)];
}

void report(bug kind, const void *place, const void *other_place, int other_thread,
            const std::string &detail) {
  for (const finding &f : findings)
    if (f.kind == kind && f.place == place) return;
  findings.push_back({kind, on_device() ? running.kernel : "the host or a copy", detail, place,
                      other_place, running.block, running.thread, other_thread});
}

namespace {

extern "C" __attribute__((visibility("hidden"))) char __ehdr_start;

/* file:line of a place, by addr2line (binutils); the bare offset where it is not installed. */
std::string source_line(const void *place) {
  if (!place) return "?";
  const std::string instruction = instruction_name ? instruction_name(place) : "";
  if (!instruction.empty()) return instruction;
  const size_t offset = static_cast<size_t>(static_cast<const char *>(place) - &__ehdr_start) - 1;
  char path[4096], command[4400], line[1024];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  if (n <= 0) return "?";
  path[n] = 0;
  snprintf(command, sizeof command, "addr2line -i -e '%s' %#zx 2>/dev/null", path, offset);
  std::string result;
  if (FILE *pipe = popen(command, "r")) {
    while (fgets(line, sizeof line, pipe)) {
      line[strcspn(line, " \n")] = 0;
      const char *slash = strrchr(line, '/');
      result = slash ? slash + 1 : line;
      if (result.find(".cu") != std::string::npos) break;
    }
    pclose(pipe);
  }
  if (!result.empty() && result[0] != '?') return result;
  snprintf(line, sizeof line, "+%#zx", offset);
  return line;
}

}  // namespace

std::string describe(const finding &f) {
  std::string text =
      std::string(bug_name(f.kind)) + " in " + f.kernel + " at " + source_line(f.place);
  if (f.other_place) text += " and " + source_line(f.other_place);
  if (f.thread >= 0)
    text += ", block " + std::to_string(f.block) + ", thread " + std::to_string(f.thread);
  if (f.thread >= 0 && f.other_thread >= 0) text += " and thread " + std::to_string(f.other_thread);
  return text + ": " + f.detail;
}

}  // namespace simt
