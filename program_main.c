/* One command as a program of its own, sluice-NAME (ci/cmake/SluiceProgram.cmake): the build
 * defines SL_PROGRAM as NAME. `sluice NAME` starts it (main.c). */
#include "kernels/support/cli.h"

#define JOIN(a, b) a##b
#define FUNCTION(name) JOIN(sl_cmd_, name)
#define TEXT(name) #name
#define NAME(name) TEXT(name)

sl_command FUNCTION(SL_PROGRAM);

int main(int argc, char **argv) {
  return sl_cli_run(NAME(SL_PROGRAM), FUNCTION(SL_PROGRAM), argc, argv);
}
