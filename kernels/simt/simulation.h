/* The simulator as C programs see it: everything after sl_simulation_begin depends on its
 * seed alone. */
#ifndef SLUICE_SIMT_SIMULATION_H
#define SLUICE_SIMT_SIMULATION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A new run: device memory of earlier contexts is gone, findings are forgotten. No context with
 * simulated memory may be open. */
void sl_simulation_begin(uint64_t seed);

/* Reserves address space for device memory and its shadow, once: 1, or 0 where a limit (ulimit -v)
 * is in the way. *gib, if not NULL, is how much that is. */
int sl_simulation_reserve(unsigned *gib);

/* Accesses to memory since then. */
uint64_t sl_simulation_accesses(void);

/* Bytes that copies have brought to the host since then. */
uint64_t sl_simulation_bytes_to_host(void);

/* Launches by the host since then: of kernels, and of graphs, each as one. */
uint64_t sl_simulation_launches(void);
/* Whether there is memory for graphs; there is when a run begins. */
void sl_simulation_grant_graphs(int granted);

/* The devices, as the caller of a library has them beside it: how many there are, the thread's
 * current one, whether one has a context of CUDA's, which takes its memory, and bytes that are
 * allocated on one. set_device makes no such context, as PyTorch does not; of a device that is none
 * it leaves the thread an error of CUDA's. */
int sl_simulation_devices(void);
int sl_simulation_device(void);
void sl_simulation_set_device(int device);
int sl_simulation_device_begun(int device);
size_t sl_simulation_device_bytes(int device);

/* A stream of the caller's on the current device, to be destroyed by him: what a context may be
 * lent (sl_context_options). fill puts one into it that writes a byte n times; capture begins a
 * capture of what is put into the stream from there on, end_capture ends it: how many operations
 * it holds, -1 where something was done that CUDA refuses meanwhile. */
void *sl_simulation_stream(void);
void sl_simulation_stream_destroy(void *stream);
void sl_simulation_fill(void *stream, void *device_memory, int byte, size_t n);
void sl_simulation_capture(void *stream);
int sl_simulation_end_capture(void *stream);

/* What CUDA holds of the thread's last call that failed, 0 for nothing; it is then forgotten. */
int sl_simulation_last_error(void);

/* Findings since then; one of them as text, with kernel, line and threads. */
size_t sl_simulation_findings(void);
void sl_simulation_describe(size_t index, char *text, size_t size);

/* Why a launch since then was never run, with file and line: its code could not be read. Findings
 * after it follow from that. NULL: every launch was run. */
const char *sl_simulation_failure(void);

/* Failures that can be planted (plants.def): name, the kernel that has it, and how it is found: a
 * kind of finding, or "bits". */
typedef struct {
  const char *name, *kernel, *found, *what;
} sl_simulation_plant;
size_t sl_simulation_plants(const sl_simulation_plant **list);
/* Plants one by its index; -1: none. Stays through sl_simulation_begin. The name of what is
 * planted, or NULL. */
void sl_simulation_set_plant(int index);
const char *sl_simulation_planted(void);

#ifdef __cplusplus
}
#endif
#endif
