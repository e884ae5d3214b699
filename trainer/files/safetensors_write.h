/* What writers of safetensors share. Internal. */
#ifndef SLUICE_SAFETENSORS_WRITE_H
#define SLUICE_SAFETENSORS_WRITE_H

#include "kernels/support/file_write.h"
#include "safetensors.h"

/* SL_ERR_USAGE for a rank or a count that does not go with the shape; SL_ERR_MEMORY where that
 * overflows. */
sl_status sl_safetensors_check_shape(const char *path, const sl_tensor_view *tensor, sl_error *err);

/* Adds a tensor's numbers to a file, in the type of the view. */
typedef sl_status sl_tensor_writer(sl_file_writer *file, const sl_tensor_view *tensor,
                                   sl_error *err);

/* Tensors whose shapes are checked, in this order; add NULL: their data as they are. */
sl_status sl_safetensors_write_in_order(const char *path, const sl_metadata_entry *metadata,
                                        size_t n_metadata, const sl_tensor_view *tensors,
                                        size_t count, sl_tensor_writer *add, sl_error *err);

#endif
