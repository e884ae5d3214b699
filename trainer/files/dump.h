/* A dump of tensors from any program, as safetensors, .npz or .npy (spec F6): what it holds, and
 * its numbers. The file's first bytes decide of which kind it is, not its name. */
#ifndef SLUICE_DUMP_H
#define SLUICE_DUMP_H

#include "metadata.h"
#include "tensor.h"

#include <sluice/status.h>

#include <stddef.h>

typedef struct sl_dump sl_dump;

/* Reads and checks the headers, not the data. SL_ERR_INPUT with path, tensor and byte where the
 * file is malformed or of another kind (which is then named), SL_ERR_IO, SL_ERR_MEMORY. */
sl_status sl_dump_open(sl_dump **out, const char *path, sl_error *err);
void sl_dump_close(sl_dump *dump);

const char *sl_dump_path(const sl_dump *dump);
size_t sl_dump_count(const sl_dump *dump);
/* Name, type and shape of a tensor; its data may be NULL. index < count. Valid until close. */
const sl_tensor_view *sl_dump_at(const sl_dump *dump, size_t index);
/* Its index; the number of tensors if there is none of that name. */
size_t sl_dump_find(const sl_dump *dump, const char *name);
const sl_metadata *sl_dump_metadata(const sl_dump *dump);

/* What follows reads a tensor's data if it has not been read: of an archive the whole tensor, into
 * memory, where it stays until release or close. SL_ERR_INPUT where an archive is damaged,
 * SL_ERR_MEMORY. */

/* Elements [first, first + n) as binary64, exactly (spec F6.2): SL_ERR_INPUT with tensor[index] for
 * an integer beyond 2^53 or a BOOL that is neither 0 nor 1. SL_ERR_USAGE for a range beyond the
 * tensor. out is untouched on error. */
sl_status sl_dump_values(sl_dump *dump, size_t index, size_t first, size_t n, double *out,
                         sl_error *err);
/* The same elements as words of the tensor's own type, row-major. */
sl_status sl_dump_words(sl_dump *dump, size_t index, size_t first, size_t n, void *out,
                        sl_error *err);
/* NaNs and infinities of the whole tensor. */
sl_status sl_dump_scan(sl_dump *dump, size_t index, sl_nonfinite *out, sl_error *err);

/* Gives the memory of a tensor's data back. */
void sl_dump_release(sl_dump *dump, size_t index);

#endif
