/* JSON's grammar (RFC 8259) without values: what is well formed, though the parser cannot hold it.
 */
#ifndef SLUICE_JSON_SCAN_H
#define SLUICE_JSON_SCAN_H

/* Past the value that starts at `at`, blanks before it allowed; NULL if there is none before `end`,
 * or memory is short. Of any depth. */
const char *sl_json_scan_value(const char *at, const char *end);

/* Past the string that starts at `at`; NULL if there is none. */
const char *sl_json_scan_string(const char *at, const char *end);

/* Past blanks. */
const char *sl_json_scan_blanks(const char *at, const char *end);

#endif
