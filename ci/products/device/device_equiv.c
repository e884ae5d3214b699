/* sluice-device equiv: `sluice equiv` where nothing can be installed, of the backend cuda unless
 * another is named (spec E3). */
#include "device_parts.h"

#include "ci/products/relations/command.h"

int sl_device_equiv(int argc, char **argv) {
  return sl_equiv_command(argc, argv, "sluice-device equiv", "cuda");
}
