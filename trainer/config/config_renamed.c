/* Keys that had another name. Runs that were begun under it have it in their config.yaml. */
#include "config_schema.h"

#include <string.h>

static const sl_config_renaming renamed[] = {
    {"rl", "gamma", SL_KEY_rl_entropy_bonus, "in RL gamma is the discount"}};

const sl_config_renaming *sl_config_renamed(const char *section, size_t section_length,
                                            const char *key, size_t length) {
  for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++) {
    const sl_config_renaming *r = &renamed[i];
    const int same_section = !section || (strlen(r->section) == section_length &&
                                          memcmp(r->section, section, section_length) == 0);
    if (same_section && strlen(r->old) == length && memcmp(r->old, key, length) == 0) return r;
  }
  return NULL;
}
