/* What lanes of a warp do together: barriers, shuffles and ballots, once all of a mask are there.
 */
#include "fibers.h"

#include <cstring>

namespace simt {

namespace {

uint64_t shuffle_result(unsigned t) {
  const fiber &f = fibers[t];
  const unsigned base = t / warp_lanes * warp_lanes;
  const int lane = static_cast<int>(t % warp_lanes), width = f.width,
            segment = lane / width * width;
  int source = lane;
  if (f.kind == warp_kind::shuffle_index) source = segment + (f.operand & (width - 1));
  if (f.kind == warp_kind::shuffle_down && lane + f.operand < segment + width)
    source = lane + f.operand;
  if (f.kind == warp_kind::shuffle_up && lane - f.operand >= segment) source = lane - f.operand;
  if (f.kind == warp_kind::shuffle_xor && (lane ^ f.operand) < segment + width)
    source = lane ^ f.operand;
  if (!(f.mask >> source & 1) || base + static_cast<unsigned>(source) >= n_threads) {
    report_as(t, bug::shuffle_mask, f.place, nullptr, static_cast<int>(base) + source,
              "reads a lane that is not in the mask");
    return 0xDEADBEEFDEADBEEFu;
  }
  return fibers[base + static_cast<unsigned>(source)].value;
}

void complete_warp(unsigned base, uint32_t mask) {
  uint32_t ballot = 0;
  for (unsigned l = 0; l < warp_lanes; l++)
    if (mask >> l & 1 && fibers[base + l].value) ballot |= 1u << l;
  for (unsigned l = 0; l < warp_lanes; l++) {
    if (!(mask >> l & 1)) continue;
    fiber &f = fibers[base + l];
    f.result = f.kind == warp_kind::ballot    ? ballot
               : f.kind == warp_kind::barrier ? 0
                                              : shuffle_result(base + l);
  }
  if (fibers[base + static_cast<unsigned>(__builtin_ctz(mask))].kind == warp_kind::barrier) {
    uint32_t joined[warp_lanes] = {0};
    for (unsigned l = 0; l < warp_lanes; l++)
      if (mask >> l & 1)
        for (unsigned k = 0; k < warp_lanes; k++)
          joined[k] = clocks[base + l][k] > joined[k] ? clocks[base + l][k] : joined[k];
    for (unsigned l = 0; l < warp_lanes; l++)
      if (mask >> l & 1) {
        memcpy(clocks[base + l], joined, sizeof joined);
        clocks[base + l][l]++;
      }
  }
  for (unsigned l = 0; l < warp_lanes; l++)
    if (mask >> l & 1) make_ready(base + l);
}

}  // namespace

bool try_warp(unsigned t, bool last_chance) {
  const fiber &f = fibers[t];
  const unsigned base = t / warp_lanes * warp_lanes;
  for (unsigned l = 0; l < warp_lanes; l++) {
    if (!(f.mask >> l & 1)) continue;
    const unsigned o = base + l;
    const bool here = o < n_threads && fibers[o].st == state::at_warp;
    const bool same = here && fibers[o].mask == f.mask && fibers[o].line == f.line;
    if (same) continue;
    if (last_chance) {
      report_as(t, bug::shuffle_mask, f.place, here ? fibers[o].place : nullptr,
                static_cast<int>(o),
                here ? "lanes of one mask meet with different masks or at different places"
                     : "a lane of the mask never arrives");
    }
    return false;
  }
  complete_warp(base, f.mask);
  return true;
}

}  // namespace simt
