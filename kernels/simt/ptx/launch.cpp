/* The PTX of this build, read when a launch needs it, and launches of its entries. */
#include "kernels/simt/internal.h"
#include "program.h"
#include "ptx.h"
#include "runner.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <unordered_map>

namespace simt::ptx {

namespace {

struct module {
  module_text text;
  std::vector<std::string> names; /* demangled, of the entries as they stand in the text */
  std::vector<std::unique_ptr<entry>> code;
  std::vector<std::vector<uint8_t>> executed; /* by entry; empty: not decoded yet */
  bool parsed = false;
};

const sl_ptx_file none[] = {{0, nullptr, nullptr}}, *files = none;
std::filesystem::path folder; /* of files in place of those; "": none */
int chosen = 90, planted = -1;
std::vector<std::unique_ptr<module>> modules; /* of the chosen architecture; empty: not read yet */
std::unordered_map<std::string, std::pair<size_t, size_t>> index_of; /* by demangled name */
std::string last_error;

void forget() {
  modules.clear();
  index_of.clear();
  forget_places();
}

/* Calls found(name, begin of the entry) for each entry of a text that is not parsed. */
template <typename F>
void each_entry(const std::string &text, F found) {
  for (size_t at = 0; (at = text.find(".entry ", at)) != std::string::npos;) {
    at += sizeof ".entry " - 1;
    found(std::string_view(text).substr(at, text.find('(', at) - at), at);
  }
}

std::string text_of(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream all;
  all << file.rdbuf();
  if (!file || file.bad() || std::filesystem::is_directory(path))
    throw bad_program(path, 0, "this file cannot be read");
  return all.str();
}

/* What nvcc wrote, with the last line that the build put behind it (sum-ptx). */
std::string unchanged_text(const sl_ptx_file &f) {
  if (!std::filesystem::exists(f.path))
    throw std::runtime_error("this build's PTX for compute_" + std::to_string(f.architecture) +
                             " is not made: " + f.made_by + " (no " + f.path + ")");
  const std::string text = text_of(f.path);
  const size_t last = text.rfind("\n// cksum ") + 1;
  if (last == 0 || text.substr(last) != "// cksum " + posix_sum(text.substr(0, last)) + "\n")
    throw std::runtime_error(std::string(f.path) +
                             ": not as nvcc made it. To have it made again, remove it and run " +
                             f.made_by + "; to run a changed copy, give --ptx-from its folder");
  return text;
}

void read(const std::string &path, std::string text) {
  modules.push_back(std::make_unique<module>());
  module &m = *modules.back();
  m.text.path = path, m.text.text = std::move(text), m.text.architecture = chosen;
  parse_header(m.text);
  each_entry(m.text.text, [&](std::string_view name, size_t) {
    m.names.push_back(demangled(name));
    const auto key = std::make_pair(modules.size() - 1, m.names.size() - 1);
    if (!index_of.emplace(m.names.back(), key).second)
      throw bad_program(path, 0, "entry '" + m.names.back() + "' stands twice in this build");
  });
}

/* The PTX in the folder that stands in for the build's. */
std::set<std::filesystem::path> files_given() {
  std::set<std::filesystem::path> given;
  if (folder.empty()) return given;
  std::error_code error;
  for (const auto &f : std::filesystem::directory_iterator(folder, error))
    if (f.path().extension() == ".ptx") given.insert(f.path());
  if (error) throw std::runtime_error(folder.string() + ": " + error.message());
  if (given.empty()) throw std::runtime_error(folder.string() + ": no PTX in this folder");
  return given;
}

void read_all() {
  if (!modules.empty()) return;
  if (!sl_ptx_present(chosen))
    throw std::runtime_error("this build has no PTX for compute_" + std::to_string(chosen) + ": " +
                             SL_PTX_ABSENT);
  try {
    std::set<std::filesystem::path> given = files_given();
    for (const sl_ptx_file *f = files; f->path; f++) {
      if (f->architecture != chosen) continue;
      const std::filesystem::path other = folder / std::filesystem::path(f->path).filename();
      if (given.erase(other))
        read(other, text_of(other));
      else
        read(f->path, unchanged_text(*f));
    }
    if (!given.empty()) throw bad_program(*given.begin(), 0, "no PTX of this build has this name");
  } catch (...) {
    forget();
    throw;
  }
}

void parse_module(module &all) {
  if (all.parsed) return;
  parse(all.text);
  if (all.text.entries.size() != all.names.size())
    throw bad_program(all.text.path, 0, "entries were not all found");
  all.code.resize(all.names.size());
  all.executed.resize(all.names.size());
  all.parsed = true;
}

const entry &decoded(size_t m, size_t k) {
  module &all = *modules[m];
  parse_module(all);
  if (!all.code[k]) {
    auto e = std::make_unique<entry>(decode(all.text, all.text.entries[k], planted));
    e->first_place = place_instructions(*e);
    all.executed[k].assign(e->code.size(), 0);
    e->executed = &all.executed[k];
    if (!e->first_place) throw bad_program(all.text.path, 0, "too many instructions");
    all.code[k] = std::move(e);
  }
  return *all.code[k];
}

const entry &entry_of(const void *kernel) {
  static std::unordered_map<const void *, std::string> names;
  std::string &name = names[kernel];
  if (name.empty()) {
    const std::string symbol = symbol_of(kernel);
    if (symbol.empty())
      throw std::runtime_error("PTX: the kernel has no symbol: the program was stripped");
    name = demangled(symbol);
  }
  read_all();
  const auto found = index_of.find(name);
  if (found == index_of.end()) {
    for (const std::unique_ptr<module> &m : modules) parse_module(*m); /* one that is cut says so */
    throw std::runtime_error("PTX: none of the " + std::to_string(modules.size()) +
                             " files has the entry '" + name + "': " + modules[0]->text.path +
                             " and those beside it");
  }
  return decoded(found->second.first, found->second.second);
}

void check_arguments(const entry &e, const packed_arguments &arguments) {
  const size_t n = e.parameters.size(), given = arguments.places.size();
  const auto fail = [&](const std::string &what) {
    throw bad_program(e.module->path, e.line, what + ": the PTX is of other sources");
  };
  if (n != given)
    fail("'" + e.short_name + "' has " + std::to_string(n) + " parameters, and the host gives " +
         std::to_string(given));
  for (size_t i = 0; i < n; i++) {
    const parameter &p = e.parameters[i];
    const packed_arguments::place &a = arguments.places[i];
    if (p.offset != a.offset || p.bytes != a.bytes)
      fail("parameter '" + std::string(p.name) + "' has " + std::to_string(p.bytes) +
           " bytes at offset " + std::to_string(p.offset) + ", and the host gives " +
           std::to_string(a.bytes) + " at " + std::to_string(a.offset));
  }
}

}  // namespace

int planted_index() { return planted; }

static cudaError_t enqueue(const char *, const void *address, dim3 grid, dim3 block,
                           size_t shared_bytes, stream_state *stream, packed_arguments &&arguments,
                           std::string &why) {
  try {
    const entry &e = entry_of(address);
    check_arguments(e, arguments);
    const size_t threads = static_cast<size_t>(block.x) * block.y * block.z;
    if (block.y != 1 || block.z != 1 || grid.z != 1)
      throw std::runtime_error("PTX: the table has no special registers of these dimensions");
    if (e.max_threads && threads > e.max_threads) return cudaErrorInvalidConfiguration;
    ptx_launch *l = new ptx_launch{&e, std::move(arguments.bytes),
                                   planted == static_cast<int>(plant_kind::copy_early)};
    enqueue_launch(
        e.short_name.c_str(), address, grid, block, shared_bytes, stream, run_thread,
        [](void *p) { delete static_cast<ptx_launch *>(p); }, l, sizeof *l);
    return cudaSuccess;
  } catch (const std::exception &error) {
    why = error.what();
    return cudaErrorInvalidDeviceFunction;
  }
}

const kernel_runner runner = {enqueue};

}  // namespace simt::ptx

using namespace simt::ptx;

void sl_ptx_use(const sl_ptx_file *list) {
  if (list != files) forget();
  files = list;
}

void sl_ptx_from(const char *from) {
  folder = from ? from : "";
  forget();
}

int sl_ptx_present(int architecture) {
  for (const sl_ptx_file *f = files; f->path; f++)
    if (f->architecture == architecture) return 1;
  return 0;
}

const char *sl_ptx_lacks(int *absent) {
  *absent = !sl_ptx_present(chosen);
  try {
    read_all();
    return nullptr;
  } catch (const std::exception &error) {
    last_error = error.what();
    return last_error.c_str();
  }
}

void sl_ptx_architecture(int architecture) {
  if (architecture != chosen) forget();
  chosen = architecture;
}

uint64_t sl_ptx_instructions(void) { return simt::instruction_count; }

const char *sl_ptx_check(int architecture, size_t *entries, size_t *instructions) {
  *entries = *instructions = 0;
  sl_ptx_architecture(architecture);
  try {
    read_all();
    for (size_t m = 0; m < modules.size(); m++)
      for (size_t k = 0; k < modules[m]->names.size(); k++) {
        *instructions += decoded(m, k).code.size();
        ++*entries;
      }
    return nullptr;
  } catch (const std::exception &error) {
    last_error = error.what();
    return last_error.c_str();
  }
}

const char *sl_ptx_coverage(const sl_ptx_covered **list, size_t *n) {
  static std::vector<sl_ptx_covered> covered;
  covered.clear();
  size_t entries, instructions;
  const char *wrong = sl_ptx_check(chosen, &entries, &instructions);
  for (size_t m = 0; !wrong && m < modules.size(); m++)
    for (size_t k = 0; k < modules[m]->names.size(); k++) {
      std::vector<uint8_t> &done = modules[m]->executed[k];
      const size_t executed = static_cast<size_t>(std::count(done.begin(), done.end(), 1));
      covered.push_back({modules[m]->names[k].c_str(), done.size(), executed});
    }
  sl_ptx_forget_coverage();
  *list = covered.data(), *n = covered.size();
  return wrong;
}

/* Calls f(entry, its executed instructions) for every entry that ran. */
template <typename F>
static void each_run(F f) {
  for (const std::unique_ptr<module> &m : modules)
    for (size_t k = 0; k < m->code.size(); k++)
      if (m->code[k] && std::count(m->executed[k].begin(), m->executed[k].end(), 1))
        f(*m->code[k], m->executed[k]);
}

void sl_ptx_describe_coverage(char *text, size_t size) {
  size_t entries = 0, executed = 0, of_run = 0;
  each_run([&](const entry &, const std::vector<uint8_t> &done) {
    entries++, of_run += done.size();
    executed += static_cast<size_t>(std::count(done.begin(), done.end(), 1));
  });
  snprintf(text, size,
           "%zu of the %zu instructions of the entries that ran; %zu of %zu entries ran", executed,
           of_run, entries, index_of.size());
}

const char *sl_ptx_unreached(size_t *entries, size_t *instructions) {
  static std::string text;
  text.clear(), *entries = *instructions = 0;
  each_run([&](const entry &e, const std::vector<uint8_t> &done) {
    const size_t left = static_cast<size_t>(std::count(done.begin(), done.end(), 0));
    ++*entries, *instructions += left;
    if (left == 0) return;
    text += e.short_name + ": " + std::to_string(left) + " of " + std::to_string(done.size()) +
            " instructions not reached\n";
    for (size_t i = 0; i < done.size(); i++) {
      if (done[i]) continue;
      const size_t first = i;
      while (i + 1 < done.size() && !done[i + 1]) i++;
      text += "  " + place_range(e, first, i) + "\n";
    }
  });
  return text.c_str();
}

void sl_ptx_forget_coverage(void) {
  for (std::unique_ptr<module> &m : modules)
    for (std::vector<uint8_t> &done : m->executed) std::fill(done.begin(), done.end(), 0);
}

/* The texts are parsed again; decoded programs are dropped, because names in them point into the
 * old texts. */
size_t sl_ptx_edit(const char *entry, const char *from, const char *to, size_t which) {
  size_t edited = 0;
  int absent;
  if (sl_ptx_lacks(&absent)) return 0;
  for (std::unique_ptr<module> &m : modules) {
    std::string text = m->text.text;
    std::vector<size_t> starts;
    each_entry(text, [&](std::string_view name, size_t at) {
      if (demangled(name).find(entry) != std::string::npos) starts.push_back(at);
    });
    for (size_t i = starts.size(); i-- > 0;) {
      const size_t stop = text.find(".entry ", starts[i]);
      size_t at = text.find(from, starts[i]);
      for (size_t k = 0; k < which && at != std::string::npos; k++) at = text.find(from, at + 1);
      if (at == std::string::npos || (stop != std::string::npos && at >= stop)) continue;
      text.replace(at, strlen(from), to);
      edited++;
    }
    if (text == m->text.text) continue;
    module_text fresh;
    fresh.path = m->text.path, fresh.text = std::move(text);
    fresh.architecture = m->text.architecture;
    m->text = std::move(fresh);
    m->code.clear(), m->executed.clear();
    m->parsed = false;
  }
  return edited;
}

void sl_ptx_unedit(void) { forget(); }

void sl_ptx_set_plant(int index) {
  planted = index;
  forget();
}
