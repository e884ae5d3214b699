/* Reading a model folder in Hugging Face's format (spec F1.2). */
#include "model_folder.h"

#include "file.h"
#include "model_present.h"
#include "model_weights.h"

#include <stdlib.h>

static sl_status read_tokenizer(sl_tokenizer **out, const sl_model_shape *shape, const char *folder,
                                sl_error *err) {
  char *path = sl_path_join(folder, SL_MODEL_TOKENIZER_FILE);
  sl_tokenizer *tokenizer = NULL;
  sl_status status = path ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  if (status == SL_OK && sl_path_holds(folder, SL_MODEL_TOKENIZER_FILE)) {
    status = sl_tokenizer_load(&tokenizer, path, err);
    if (status == SL_OK && sl_tokenizer_vocab(tokenizer) > shape->vocab) {
      status = sl_fail(err, SL_ERR_INPUT, "%s: %zu token ids, but config.json has vocab_size %zu",
                       path, sl_tokenizer_vocab(tokenizer), shape->vocab);
      sl_tokenizer_destroy(tokenizer);
    }
  }
  if (status == SL_OK) *out = tokenizer;
  free(path);
  return status;
}

sl_status sl_model_folder_describe(sl_model_layout **out, sl_tokenizer **tokenizer,
                                   const char *path, sl_error *err) {
  sl_model_shape shape;
  sl_model_layout *layout = NULL;
  sl_status status = sl_model_check_present(path, SL_MODEL_CONFIG_FILE, err);
  if (status == SL_OK) status = sl_model_config_read(&shape, path, err);
  if (status == SL_OK) status = sl_model_weights_layout(&layout, &shape, path, err);
  if (status == SL_OK && tokenizer) status = read_tokenizer(tokenizer, &shape, path, err);
  if (status != SL_OK) {
    sl_model_layout_destroy(layout);
    return status;
  }
  *out = layout;
  return SL_OK;
}

sl_status sl_model_folder_read(sl_parameters *out, sl_tokenizer **tokenizer, const char *path,
                               sl_error *err) {
  sl_parameters made = {NULL, NULL, NULL};
  sl_tokenizer *ours = NULL;
  sl_status status = sl_model_folder_describe(&made.layout, tokenizer ? &ours : NULL, path, err);
  if (status == SL_OK) status = sl_model_weights_read(&made, path, err);
  if (status != SL_OK) {
    sl_tokenizer_destroy(ours);
    sl_parameters_free(&made);
    return status;
  }
  if (tokenizer) *tokenizer = ours;
  *out = made;
  return SL_OK;
}
