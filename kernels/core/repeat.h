/* Calls that are made again and again, such as a step of decoding (spec N1.9). Internal. */
#ifndef SLUICE_REPEAT_H
#define SLUICE_REPEAT_H

#include <sluice/kernels.h>

#include <stdint.h>

/* What decides the calls: sizes and addresses; unused words are 0. */
typedef struct {
  uintptr_t word[8];
} sl_repeat_key;

/* Kernel calls on a context. SL_OK, or the context's error. */
typedef sl_status sl_repeated_calls(void *arg);

/* Makes the calls of `calls(arg)`: kernels whose arguments follow from the key alone, as long as no
 * memory of the context is freed. What differs from time to time they read from that memory; they
 * wait for nothing, and no byte goes to the host or comes from it. A device may then issue what it
 * has recorded, without `calls`; a host calls. The result, and the error, are those of calls(arg).
 */
sl_status sl_context_repeat(sl_context *ctx, const sl_repeat_key *key, sl_repeated_calls *calls,
                            void *arg);

/* Off: sl_context_repeat always calls. On at first. */
void sl_context_set_repeat(sl_context *ctx, int on);

#endif
