/* A model folder in Hugging Face's format (spec F1.2): config.json, model.safetensors or shards of
 * it, and tokenizer.sluice.json. In memory a model is F32. */
#ifndef SLUICE_MODEL_FOLDER_H
#define SLUICE_MODEL_FOLDER_H

#include "trainer/model/model_layout.h"
#include "model_present.h"
#include "tokenizer.h"
#include "weights.h"

#define SL_MODEL_TOKENIZER_FILE "tokenizer.sluice.json"

/* The shape that path/config.json describes. SL_ERR_INPUT with file:line:column for what is
 * malformed, missing, out of range, or a variant that spec/transformer.md does not have (sliding
 * window, another scaling of RoPE, another activation, dropout). */
sl_status sl_model_config_read(sl_model_shape *out, const char *path, sl_error *err);

/* Reads a folder. *tokenizer is NULL after a success if the folder has no tokenizer.sluice.json;
 * tokenizer may be NULL. Every tensor of spec T5.3 must be there with its shape and no other (a
 * tied model may hold an lm_head.weight equal to its embedding); SL_ERR_NONFINITE names
 * tensor[index]. */
sl_status sl_model_folder_read(sl_parameters *out, sl_tokenizer **tokenizer, const char *path,
                               sl_error *err);

/* The same in two halves. Describe: all but the numbers, which take the memory. Weights: makes and
 * fills the arena of a layout that it gave. */
sl_status sl_model_folder_describe(sl_model_layout **out, sl_tokenizer **tokenizer,
                                   const char *path, sl_error *err);
/* The same for a plan of a folder whose weights are not there yet: without model.safetensors and an
 * index *bare is 1, and the layout is config.json's. SL_ERR_INPUT also for a folder with weights in
 * another format, and without weights for more than SL_BARE_LAYERS layers. */
#define SL_BARE_LAYERS ((size_t)1024)
sl_status sl_model_folder_plan(sl_model_layout **out, sl_tokenizer **tokenizer, int *bare,
                               const char *path, sl_error *err);
sl_status sl_model_weights_read(sl_parameters *parameters, const char *path, sl_error *err);
/* That sl_model_weights_read would find only finite numbers; takes no memory for them. */
sl_status sl_model_weights_check(const sl_model_layout *layout, const char *path, sl_error *err);

/* Writes a folder, F32 in one file, that appears whole or not at all and replaces the one at path;
 * tokenizer may be NULL. Refuses NaN and infinity. */
sl_status sl_model_folder_write(const sl_parameters *parameters, const sl_tokenizer *tokenizer,
                                const char *path, sl_error *err);

/* How a model is written for others (spec F1.8). */
#define SL_SOURCE_METADATA "sluice.source"
#define SL_SHARD_BYTES ((size_t)5000000000)
typedef struct {
  sl_tensor_type type; /* F32, or BF16, rounded to nearest */
  size_t shard_bytes;  /* most bytes of tensors in a file, which has at least one; 0: one file */
  const char *source;  /* recorded as SL_SOURCE_METADATA; NULL: nothing is */
} sl_model_format;

/* The same in that format, with the companions (companions.h) of another folder, where it is there;
 * what a run hands over at its end. */
sl_status sl_model_folder_publish(const sl_parameters *parameters, const sl_tokenizer *tokenizer,
                                  const sl_model_format *format, const char *companions,
                                  const char *path, sl_error *err);

/* The files of sl_model_folder_write, into an existing folder (a checkpoint's temporary one). */
sl_status sl_model_files_write(const sl_parameters *parameters, const sl_tokenizer *tokenizer,
                               const char *folder, sl_error *err);

#endif
