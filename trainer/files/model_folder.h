/* A model folder in Hugging Face's format (spec F1.2): config.json, model.safetensors
 * (Qwen2ForCausalLM, F32) and tokenizer.sluice.json. */
#ifndef SLUICE_MODEL_FOLDER_H
#define SLUICE_MODEL_FOLDER_H

#include "trainer/model/model_layout.h"
#include "tokenizer.h"

#define SL_MODEL_CONFIG_FILE "config.json"
#define SL_MODEL_WEIGHTS_FILE "model.safetensors"
#define SL_MODEL_TOKENIZER_FILE "tokenizer.sluice.json"

/* The shape that path/config.json describes. SL_ERR_INPUT with file:line:column for what is
 * malformed, missing, out of range, or a Qwen2 variant that spec/transformer.md does not have
 * (sliding window, scaled RoPE, another activation, dropout). */
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
sl_status sl_model_weights_read(sl_parameters *parameters, const char *path, sl_error *err);
/* That sl_model_weights_read would find only finite numbers; takes no memory for them. */
sl_status sl_model_weights_check(const sl_model_layout *layout, const char *path, sl_error *err);

/* Writes a folder that appears whole or not at all and replaces the one at path; tokenizer may be
 * NULL. Refuses NaN and infinity. */
sl_status sl_model_folder_write(const sl_parameters *parameters, const sl_tokenizer *tokenizer,
                                const char *path, sl_error *err);

/* The same with the companions (companions.h) of another folder, where it is there; what a run
 * hands over at its end. */
sl_status sl_model_folder_publish(const sl_parameters *parameters, const sl_tokenizer *tokenizer,
                                  const char *companions, const char *path, sl_error *err);

/* The same files written into an existing folder (a checkpoint's temporary one). */
sl_status sl_model_files_write(const sl_parameters *parameters, const sl_tokenizer *tokenizer,
                               const char *folder, sl_error *err);

#endif
