/* Safetensors files (spec F1.3): read through a memory map, written atomically. */
#ifndef SLUICE_SAFETENSORS_H
#define SLUICE_SAFETENSORS_H

#include "mapped_file.h"
#include "metadata.h"
#include "tensor.h"

#include <sluice/status.h>

#include <stddef.h>

/* Elements that are looked at before their pages are released. */
#define SL_SAFETENSORS_BLOCK ((size_t)1 << 20)

typedef struct sl_safetensors sl_safetensors;

/* Opens and validates the header: its length, JSON without duplicate keys, types, shapes, and
 * offsets that tile the data without gap or overlap. SL_ERR_IO if the file cannot be read,
 * SL_ERR_INPUT with path and byte offset if it is malformed, SL_ERR_MEMORY. */
sl_status sl_safetensors_open(sl_safetensors **out, const char *path, sl_error *err);
/* The same of a file that is mapped; the map is taken over, on error too. */
sl_status sl_safetensors_from_map(sl_safetensors **out, sl_mapped_file *map, sl_error *err);
void sl_safetensors_close(sl_safetensors *file);

size_t sl_safetensors_count(const sl_safetensors *file);
/* Tensor index in the order of the data; index < count. Valid until close. */
const sl_tensor_view *sl_safetensors_at(const sl_safetensors *file, size_t index);
/* NULL if there is none of that name. */
const sl_tensor_view *sl_safetensors_find(const sl_safetensors *file, const char *name);

const sl_metadata *sl_safetensors_metadata(const sl_safetensors *file);

const char *sl_safetensors_path(const sl_safetensors *file);
/* The byte of the file at which data of a view lie. */
size_t sl_safetensors_offset(const sl_safetensors *file, const void *data);
/* Lets the pages of the map that hold these bytes go, until they are looked at again. */
void sl_safetensors_release(const sl_safetensors *file, const void *from, size_t bytes);

/* SL_ERR_NONFINITE, naming tensor and index, if a number is NaN or infinite (spec N1.5). The pages
 * of the map that it looks at are released. */
sl_status sl_safetensors_check(const sl_safetensors *file, const sl_tensor_view *tensor,
                               sl_error *err);

/* Copies an F32 tensor to out[count]. SL_ERR_INPUT for another type; SL_ERR_NONFINITE names tensor
 * and index (spec N1.5). out is then untouched. */
sl_status sl_safetensors_read(const sl_safetensors *file, const sl_tensor_view *tensor, float *out,
                              sl_error *err);

/* Elements [first, first + n) of a tensor of a weight's type (sl_tensor_type_is_weight) as
 * binary32, each exactly; their pages of the map are released. SL_ERR_NONFINITE names tensor and
 * index; out has been written then. */
sl_status sl_safetensors_widen(const sl_safetensors *file, const sl_tensor_view *tensor,
                               size_t first, size_t n, float *out, sl_error *err);

/* Writes F32 tensors in the order given, for a model or a checkpoint (spec F1.4). SL_ERR_USAGE for
 * a repeated or empty name, or a count that is not the product of the shape; SL_ERR_NONFINITE
 * before anything is written. */
sl_status sl_safetensors_write(const char *path, const sl_tensor_view *tensors, size_t count,
                               sl_error *err);

/* The same as tensors of that type, F32 or BF16 (spec F1.8), with these metadata.
 * SL_ERR_NONFINITE, before anything is written, also for a number that would round to an infinity.
 */
sl_status sl_safetensors_write_model(const char *path, sl_tensor_type type,
                                     const sl_metadata_entry *metadata, size_t n_metadata,
                                     const sl_tensor_view *tensors, size_t count, sl_error *err);

/* Writes tensors of any type and value with these metadata (spec F6.3). SL_ERR_USAGE as above, and
 * for a repeated key or a text that is not UTF-8. */
sl_status sl_safetensors_write_dump(const char *path, const sl_metadata_entry *metadata,
                                    size_t n_metadata, const sl_tensor_view *tensors, size_t count,
                                    sl_error *err);

#endif
