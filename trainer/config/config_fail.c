/* An error with the place where the value of a key was set (spec F2.3). */
#include "config_schema.h"

#include <stdarg.h>

sl_status sl_config_fail(const sl_config *config, sl_config_key key, sl_error *err,
                         const char *format, ...) {
  char message[700];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  const sl_config_row *row = &sl_config_rows[key];
  const sl_config_place *place = &config->place[key];
  if (place->from == SL_FROM_FILE)
    return sl_fail(err, SL_ERR_INPUT, "%s:%zu:%zu: %s.%s: %s", config->file, place->line,
                   place->column, row->section, row->key, message);
  if (place->from == SL_FROM_ARGUMENT)
    return sl_fail(err, SL_ERR_USAGE, "--set %zu: %s.%s: %s", place->line, row->section, row->key,
                   message);
  return sl_fail(err, config->file ? SL_ERR_INPUT : SL_ERR_USAGE, "%s: %s.%s (by default): %s",
                 config->file ? config->file : "configuration", row->section, row->key, message);
}
