// What stands before a level's own code.
#pragma once
#include <cstdint>
#include <cstdlib>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "job.h"
