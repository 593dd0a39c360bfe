// The kernels for any processor of this kind (with SSE2 on x86-64, NEON on 64-bit Arm).
#include "includes.h"

#define LEVEL baseline
#define WIDTH 4
#include "level.h"

namespace optimerge {
extern const Level BASELINE = {"baseline", baseline::merge, baseline::norms, baseline::magnitudes,
                               baseline::shares};
}
