/* A PTX program as the parts of the executor pass it on: text -> statements (parser.cpp) ->
 * instructions (decode.cpp) -> threads (execute.cpp). */
#ifndef SLUICE_SIMT_PTX_PROGRAM_H
#define SLUICE_SIMT_PTX_PROGRAM_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace simt::ptx {

/* An error that stops reading: its place in a file, line 0 being none, and what is wrong there. */
struct bad_program : std::runtime_error {
  bad_program(const std::string &file, unsigned line, const std::string &what)
      : std::runtime_error(file + (line ? ":" + std::to_string(line) : "") + ": " + what) {}
};

/* Text. */

struct operand {
  enum class kind { name, number, real32, real64, address, vector, pair };
  kind is;
  std::string_view name;  /* register, symbol or label; of an address its base, "" if absolute */
  std::string_view other; /* of a pair: the name after the bar */
  uint64_t number;        /* or bits; of an address its offset */
  std::vector<std::string_view> elements;
};

struct statement {
  std::string_view guard; /* predicate register, "" if none */
  bool guard_negated;
  std::string_view opcode;
  std::vector<operand> operands;
  uint64_t used_bytes;        /* of a load, bit by bit: .pragma "used_bytes_mask"; 0: all */
  unsigned line;              /* of the PTX */
  unsigned file, source_line; /* of the source, 0: not known; where a toolkit's header was inlined,
                                 the line that called it */
};

struct variable {
  std::string_view name;
  size_t bytes, alignment;
};

struct table { /* .global with an initialiser: constants, which nothing may write */
  variable declared;
  std::vector<unsigned char> bytes;
};

struct parameter {
  std::string_view name;
  size_t offset, bytes;
};

struct register_group { /* .reg .f32 %f<10>, or one register */
  std::string_view prefix;
  unsigned width; /* bits; 1: predicate */
  char type;      /* the first letter of its type's name */
  unsigned count; /* 0: the name stands alone */
};

struct entry_text {
  std::string_view name; /* mangled */
  unsigned line;
  size_t max_threads; /* 0: not said */
  std::vector<parameter> parameters;
  size_t parameter_bytes;
  std::vector<register_group> registers;
  std::vector<variable> shared, local;
  std::map<std::string_view, size_t> labels; /* index of the statement that follows */
  std::vector<statement> statements;
};

struct module_text {
  std::string path, text; /* everything above points into text */
  int architecture = 0;   /* that it must be for; 0: any of the table */
  std::map<unsigned, std::string> files;
  std::vector<variable> shared, dynamic; /* outside of entries; dynamic: .extern .shared */
  std::vector<table> tables;
  std::vector<entry_text> entries;
};

/* Throw bad_program. parse_header reads what stands before all else, and leaves module as it is. */
void parse_header(module_text &module);
void parse(module_text &module);

/* Forms. */

enum class form : uint16_t {
#define PTX_1(id, ...) id,
#define PTX_2(id, ...) id,
#define PTX_3(id, ...) id,
#define PTX_4(id, ...) id,
#define PTX_LOAD(id, ...) id,
#define PTX_STORE(id, ...) id,
#define PTX_ATOMIC(id, ...) id,
#define PTX_COPY(id, ...) id,
#define PTX_CONTROL(id, ...) id,
#include "forms.def"
#include "forms_undef.h"
  /* Wrong ones, for plants (plants.cpp). */
  planted_shl_b32,
  planted_shl_b64,
  planted_shr_u32,
  planted_shr_u64,
  count
};

enum class form_kind : uint8_t { compute, load, store, atomic, copy, control };
enum class space : uint8_t { param, global, shared, local, generic };

struct form_row {
  const char *text;
  form id;
  form_kind kind;
  uint8_t widths[5]; /* compute: bits of d, a, b, c, e, 0 at the end; load, store, atomic: of the
                        element */
  uint8_t elements;  /* load, store; copy: bytes */
  const char *clause, *open;
};
const form_row *find_form(std::string_view text); /* nullptr: there is none */
const std::vector<form_row> &form_rows();

/* Code. */

/* Registers and constants are slots of 64 bits; what a type does not use of one is ignored when it
 * is read. Slot 0 is the constant true, the guard of what has none. */
struct instruction {
  form op;
  uint16_t guard;
  bool negated;
  uint16_t r[6];
  int32_t offset, offset2; /* offset2 of a load: its used bytes, 0: all */
};

/* A constant that is not known before a thread starts. */
struct late_constant {
  enum class kind { tid_x, ctaid_x, ctaid_y, ntid_x, nctaid_x, nctaid_y, shared, dynamic };
  uint16_t slot;
  kind is;
  size_t index; /* of the shared variable */
};

struct entry {
  std::string name, short_name; /* demangled; and without its type and its parameters */
  unsigned line;
  std::vector<parameter> parameters;
  size_t parameter_bytes, max_threads;
  std::vector<instruction> code;
  std::vector<std::string> register_names; /* by slot - 1 */
  std::vector<uint64_t> constants;         /* slots behind the registers */
  std::vector<late_constant> late;
  std::vector<variable> shared;
  size_t local_bytes;
  struct place {
    unsigned line, file, source_line;
  };
  std::vector<place> places; /* by instruction */
  const module_text *module;
  const char *first_place;        /* see places.cpp */
  std::vector<uint8_t> *executed; /* by instruction, 1: some thread has done it */
};

/* Throws bad_program. */
entry decode(const module_text &module, const entry_text &text, int plant);

/* Plants. */
enum class plant_kind {
  none = -1,
  fused,
  selp_swapped,
  shift_unclamped,
  copy_early,
  guard_dropped
};
void plant(std::vector<instruction> &code, plant_kind what);
int planted_index(); /* sl_ptx_set_plant */

/* A launch that waits in its stream. */
struct ptx_launch {
  const entry *code;
  std::vector<unsigned char> parameters;
  bool copies_land_early;       /* a plant */
  mutable bool endless = false; /* a thread was in a loop that does not end */
};
void run_thread(void *launch); /* of a block: what run_grid calls in each fiber */

/* Instructions as places of findings (places.cpp). */
const char *place_instructions(const entry &e); /* of its first; nullptr if there is no room */
void forget_places();
/* "gemm.ptx:1234-1250 (gemm.cuh:77 to gemm.cuh:80)", from instruction `first` to `last`. */
std::string place_range(const entry &e, size_t first, size_t last);

/* What `cksum` prints for these bytes. */
std::string posix_sum(std::string_view text);

std::string demangled(std::string_view mangled);
/* "sl::gemm_kernel<float, 64>" of "void sl::gemm_kernel<float, 64>(float*)". */
std::string without_types(const std::string &name);
/* The name in the program's own symbol table of the function at that address; "" if it has none. */
std::string symbol_of(const void *function);

}  // namespace simt::ptx

#endif
