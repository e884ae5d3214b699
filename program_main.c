/* One command as a program of its own, sluice-NAME (ci/cmake/SluiceProgram.cmake): the build
 * defines SL_PROGRAM as NAME. `sluice NAME` starts it (main.c). */
#include "kernels/support/cli.h"

#include <string.h>

#define JOIN(a, b) a##b
#define FUNCTION(name) JOIN(sl_cmd_, name)
#define TEXT(name) #name
#define NAME(name) TEXT(name)

sl_command FUNCTION(SL_PROGRAM);

int main(int argc, char **argv) {
  static const char under_gate[] = "gate " NAME(SL_PROGRAM); /* as `sluice gate` starts it */
  const char *name = strcmp(argv[0], under_gate) == 0 ? under_gate : NAME(SL_PROGRAM);
  return sl_cli_run(name, FUNCTION(SL_PROGRAM), argc, argv);
}
