// What stands before a level's own code.
#pragma once
#include <cstdint>
#include <cstdlib>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "job.h"
