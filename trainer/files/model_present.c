/* What stands in a folder that lacks a file of a model (see model_present.h). */
#include "model_present.h"

#include "file.h"
#include "weights.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* What a folder holds instead of a file that a model needs; NULL if it is nothing known. */
static const char *in_its_place(const char *folder) {
  static const struct {
    const char *name, *what;
  } known[] = {
      {"adapter_config.json", "an adapter alone; merge it into its base model and save that"},
      {"adapter_model.safetensors", "an adapter alone; merge it into its base model and save that"},
      {"pytorch_model.bin", "PyTorch's own format; save the model as safetensors"},
      {"pytorch_model.bin.index.json", "PyTorch's own format; save the model as safetensors"},
      {"tf_model.h5", "TensorFlow's format; save the model as safetensors"},
      {"flax_model.msgpack", "Flax's format; save the model as safetensors"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (sl_path_holds(folder, known[i].name)) return known[i].what;
  return NULL;
}

/* The name of a file that ends so, the first in alphabetical order; "" if there is none. */
static void find_ending(char found[static NAME_MAX + 1], const char *folder, const char *ending) {
  const size_t n = strlen(ending);
  found[0] = '\0';
  DIR *files = opendir(folder);
  for (struct dirent *entry; files && (entry = readdir(files)) != NULL;) {
    const char *name = entry->d_name;
    if (strlen(name) > n && strcmp(name + strlen(name) - n, ending) == 0 &&
        (!found[0] || strcmp(name, found) < 0))
      snprintf(found, NAME_MAX + 1, "%s", name);
  }
  if (files) closedir(files);
}

sl_status sl_model_check_present(const char *folder, const char *name, sl_error *err) {
  static const char *const formats[][2] = {{".gguf", "GGUF"}, {".onnx", "ONNX"}};
  char found[NAME_MAX + 1];
  if (sl_path_holds(folder, name)) return SL_OK;
  const char *instead = in_its_place(folder);
  if (instead) return sl_fail(err, SL_ERR_INPUT, "%s: no %s, but %s", folder, name, instead);
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    find_ending(found, folder, formats[i][0]);
    if (*found)
      return sl_fail(err, SL_ERR_INPUT,
                     "%s: no %s, but %s in the format %s; save the model as transformers "
                     "does: " SL_MODEL_CONFIG_FILE " and " SL_MODEL_WEIGHTS_FILE,
                     folder, name, found, formats[i][1]);
  }
  return SL_OK;
}
