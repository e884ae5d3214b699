/* PTX on the CPU, as C programs see it: the backend "ptx" runs the host side of kernels/cuda as the
 * backend simt does, and for each launch the PTX that nvcc made of the kernel, under the same
 * seeds, scheduler and findings (README.md). */
#ifndef SLUICE_SIMT_PTX_H
#define SLUICE_SIMT_PTX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The PTX of this build, one file per source and architecture; ends with a path NULL. Made by CMake
 * (CMakeLists.txt) as a part of each library that has the backend, which hands it over; empty where
 * there is no nvcc. */
typedef struct {
  int architecture; /* 80, 90 */
  const char *path, *made_by;
} sl_ptx_file;
extern const sl_ptx_file sl_ptx_files[];
void sl_ptx_use(const sl_ptx_file *files);

/* A folder with PTX that stands in for the build's files of the same names, whatever has been
 * changed there; NULL: none. The build's own files must be as nvcc made them. */
void sl_ptx_from(const char *folder);

/* 1 if this build has PTX of that architecture. */
int sl_ptx_present(int architecture);

/* What launches lack: NULL where this build has PTX of the architecture in use, made and as nvcc
 * made it; else why not, and how it is made, until the next call. *absent: 1 where the build is one
 * without that PTX, 0 where a file is missing or wrong. */
const char *sl_ptx_lacks(int *absent);

/* Which PTX launches run from now on: 80 or 90 (the default). */
void sl_ptx_architecture(int architecture);

/* Instructions executed since sl_simulation_begin. */
uint64_t sl_ptx_instructions(void);

/* Reads and decodes every file of the architecture, as launches do one by one when they need it:
 * the number of entries, and of their instructions. Returns NULL, or an error message with file and
 * line. */
const char *sl_ptx_check(int architecture, size_t *entries, size_t *instructions);

/* Every entry of the architecture that runs, with how many of its instructions some thread has
 * executed since the last call. The list is valid until the next. Returns NULL, or an error message
 * with file and line: entries that did not run are read now. */
typedef struct {
  const char *name; /* demangled */
  size_t instructions, executed;
} sl_ptx_covered;
const char *sl_ptx_coverage(const sl_ptx_covered **list, size_t *n);

/* The entries that ran since coverage was last forgotten, as one line of text; reads no other. */
void sl_ptx_describe_coverage(char *text, size_t size);

/* Where they have instructions that no thread has executed: for each entry a line, then lines of
 * the PTX in ranges. How many entries ran, and how many instructions are left. Valid until the next
 * call. */
const char *sl_ptx_unreached(size_t *entries, size_t *instructions);
void sl_ptx_forget_coverage(void);

/* Failures for tests. An edit replaces one `from`, the one after `which` others, in the text of
 * each entry whose demangled name holds `entry`; returns how many entries have it. A plant gives
 * the executor a wrong semantics; -1: none. */
size_t sl_ptx_edit(const char *entry, const char *from, const char *to, size_t which);
void sl_ptx_unedit(void);
typedef struct {
  const char *name, *what;
} sl_ptx_plant;
size_t sl_ptx_plants(const sl_ptx_plant **list);
void sl_ptx_set_plant(int index);

/* The table of forms (forms.def). */
typedef struct {
  const char *text, *clause, *open;
} sl_ptx_form;
size_t sl_ptx_forms(const sl_ptx_form **list);

/* A trial: a program with one entry "trial" and the parameters (in, out, 32 bytes); thread i has
 * the four words in[4 i] ... and leaves up to four in out[4 i] ..., which are 0 before. */
typedef struct {
  const char *text;
  unsigned blocks, threads;
  const uint64_t *in;
  unsigned char block[32];
} sl_ptx_trial;

/* The trial of form `index` of the table, its operands from the seed; special ones are among them.
 */
sl_ptx_trial *sl_ptx_trial_of(size_t index, uint64_t seed);
void sl_ptx_trial_free(sl_ptx_trial *trial);

/* Runs a trial on the executor, as a simulation of its own (sl_simulation_begin). Returns NULL, or
 * an error message about its text; findings are the simulation's. */
const char *sl_ptx_trial_run(const sl_ptx_trial *trial, uint64_t seed, uint64_t *out);

#ifdef __cplusplus
}
#endif
#endif
