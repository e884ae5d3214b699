/* Running something under the simulator with a seed. begin() makes everything that follows depend
 * on the seed alone. */
#ifndef SLUICE_SIMT_SIMULATE_H
#define SLUICE_SIMT_SIMULATE_H

#include <cstdint>
#include <string>
#include <vector>

namespace simt {

struct finding;
extern std::vector<finding> findings;
extern uint64_t access_count;

void begin(uint64_t seed);
std::string describe(const finding &f);

}  // namespace simt

#endif
