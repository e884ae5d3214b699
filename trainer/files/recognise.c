/* Recognises files by their first bytes (see recognise.h). */
#include "recognise.h"

#include <string.h>

typedef struct {
  const char *bytes;
  size_t size;
  const char *what;
} signature;

#define SIGNATURE(bytes, what) \
  { bytes, sizeof bytes - 1, what }

#define PICKLE "this is a Python pickle; tensors must be saved as safetensors"

static const signature known[] = {
    SIGNATURE("version https://git-lfs",
              "this is a Git LFS pointer, not the file itself; 'git lfs pull' fetches that"),
    SIGNATURE("\xef\xbb\xbf",
              "the file starts with a byte order mark; save it as UTF-8 without one"),
    SIGNATURE("\xff\xfe", "this looks like UTF-16; save it as UTF-8"),
    SIGNATURE("\xfe\xff", "this looks like UTF-16; save it as UTF-8"),
    SIGNATURE("\x1f\x8b", "the file is compressed by gzip; unpack it first"),
    SIGNATURE("\x28\xb5\x2f\xfd", "the file is compressed by zstd; unpack it first"),
    SIGNATURE("PK\x03\x04",
              "this is a zip archive, as PyTorch's own format is; tensors must be "
              "saved as safetensors"),
    SIGNATURE("\x80\x02", PICKLE),
    SIGNATURE("\x80\x03", PICKLE),
    SIGNATURE("\x80\x04", PICKLE),
    SIGNATURE("\x80\x05", PICKLE),
    SIGNATURE("GGUF", "this is a GGUF file; the model is needed as safetensors"),
    SIGNATURE("<!DOCTYPE", "this is a web page, not the file; download it again"),
    SIGNATURE("<!doctype", "this is a web page, not the file; download it again"),
    SIGNATURE("<html", "this is a web page, not the file; download it again"),
    SIGNATURE("\0\0\0\0\0\0\0\0",
              "the file starts with NUL bytes, as a power cut or a download "
              "that was cut off leaves them"),
};

const char *sl_recognise(const void *data, size_t size) {
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (size >= known[i].size && memcmp(data, known[i].bytes, known[i].size) == 0)
      return known[i].what;
  return NULL;
}
