/* The mangled name of a function of this program, from its own symbol table: what connects the
 * address that a launch has with an entry of the PTX. */
#include "program.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <unordered_map>

namespace simt::ptx {

namespace {

extern "C" __attribute__((visibility("hidden"))) char __ehdr_start;

typedef std::unordered_map<uint64_t, std::string> symbols; /* by offset in the program */

void read_table(symbols &out, const char *file, const Elf64_Shdr &table, const Elf64_Shdr &names,
                uint64_t base) {
  const Elf64_Sym *symbol = reinterpret_cast<const Elf64_Sym *>(file + table.sh_offset);
  for (size_t i = 0; i < table.sh_size / sizeof *symbol; i++)
    if (ELF64_ST_TYPE(symbol[i].st_info) == STT_FUNC && symbol[i].st_value)
      out.emplace(symbol[i].st_value - base, file + names.sh_offset + symbol[i].st_name);
}

symbols read_program() {
  symbols all;
  const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  struct stat about;
  if (file < 0) return all;
  if (fstat(file, &about) == 0) {
    const size_t bytes = static_cast<size_t>(about.st_size);
    void *map = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file, 0);
    if (map != MAP_FAILED) {
      const char *start = static_cast<const char *>(map);
      const Elf64_Ehdr *header = reinterpret_cast<const Elf64_Ehdr *>(start);
      const Elf64_Shdr *section = reinterpret_cast<const Elf64_Shdr *>(start + header->e_shoff);
      const Elf64_Phdr *segment = reinterpret_cast<const Elf64_Phdr *>(start + header->e_phoff);
      uint64_t base = 0;
      for (int i = header->e_phnum; i-- > 0;)
        if (segment[i].p_type == PT_LOAD) base = segment[i].p_vaddr; /* in the end the first's */
      for (int i = 0; i < header->e_shnum; i++)
        if (section[i].sh_type == SHT_SYMTAB)
          read_table(all, start, section[i], section[section[i].sh_link], base);
      munmap(map, bytes);
    }
  }
  close(file);
  return all;
}

}  // namespace

std::string symbol_of(const void *function) {
  static const symbols all = read_program();
  const auto found =
      all.find(static_cast<uint64_t>(static_cast<const char *>(function) - &__ehdr_start));
  return found == all.end() ? "" : found->second;
}

}  // namespace simt::ptx
