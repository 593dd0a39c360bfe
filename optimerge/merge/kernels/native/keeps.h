// Draws, and what of a task vector is kept: each class gives `values` where its entry is kept and
// zeros elsewhere. Formulas and names as in kernels/program.py.

constexpr uint64_t GAMMA = 0x9E3779B97F4A7C15u;

template <uint64_t BY>
INLINE Q times(Q z) {
#if defined(__x86_64__) && WIDTH == 8 && !defined(OPTIMERGE_ANYWHERE)
  // Six instructions; compilers shift the upper half down and its product up again: seven.
  const __m256i x = __m256i(z), low = _mm256_set1_epi64x(BY & 0xffffffffu);
  const Q upper = Q(_mm256_mullo_epi32(x, _mm256_slli_epi64(low, 32)));
  const Q lower = Q(_mm256_mul_epu32(x, _mm256_set1_epi64x(BY >> 32))) << 32;
  return Q(_mm256_mul_epu32(x, low)) + (upper + lower);
#else
  return z * BY;
#endif
}

INLINE Q mixed(Q z) {
  z = times<0xBF58476D1CE4E5B9u>(z ^ (z >> 30));
  z = times<0x94D049BB133111EBu>(z ^ (z >> 27));
  return z ^ (z >> 31);
}

// The signed draws of a tile whose first entry has this index; an even number of groups.
static void draw(uint64_t key, int64_t index, U* to) {
  Q counter;
  for (int k = 0; k < WIDTH / 2; ++k) counter[k] = key + uint64_t(index / 4 + 1 + k) * GAMMA;
  Q next = counter + uint64_t(WIDTH / 2) * GAMMA;
  for (int j = 0; j < TILE / GROUP; j += 2) {
    to[j] = U(mixed(counter));
    to[j + 1] = U(mixed(next));
    counter += uint64_t(WIDTH) * GAMMA;
    next += uint64_t(WIDTH) * GAMMA;
  }
}

struct KeepWhole {
  static constexpr bool DRAWS = false;
  explicit KeepWhole(const Keep&) {}
  INLINE Pair operator()(Pair, U, const uint8_t*, Pair values) const { return values; }
};

struct KeepBins {
  static constexpr bool DRAWS = false;
  const I above, upto;
  explicit KeepBins(const Keep& k) : above(all(k.above)), upto(all(k.upto)) {}

  INLINE F half(F d, F values) const {
    const I code = I(d) & TOP;
    return where(code <= upto, where(code > above, values));
  }
  INLINE Pair operator()(Pair d, U, const uint8_t*, Pair values) const {
    return {half(d.even, values.even), half(d.odd, values.odd)};
  }
};

// An end of a band: code > end is bin > B - 1 where 65535 - u > E, else bin > B; B: its upper half,
// E: its lower one. With the signed draw s the former is s < 32767 - E.
struct End {
  const Shorts bin, below;
  explicit End(int32_t end)
      : bin(Shorts{} + int16_t(end >> 16)), below(Shorts{} + int16_t(0x7fff - (end & 0xffff))) {}

  // B - 1 or B for each entry of a group, in 16 bits. What stands in the lower half below an odd
  // entry's changes no comparison with a bin, whose lower half is 0.
  INLINE I bins(U drawn) const { return I(bin + Shorts(Shorts(drawn) < below)); }
};

template <bool OPEN>  // no upper end
struct KeepEdges {
  static constexpr bool DRAWS = true;
  const End above, upto;
  explicit KeepEdges(const Keep& k) : above(k.above), upto(k.upto) {}

  INLINE Pair operator()(Pair d, U drawn, const uint8_t*, Pair values) const {
    const I even = I(d.even) & TOP, odd = I(d.odd) & TOP;
    const I low = above.bins(drawn);
    values = {where(even > low << 16, values.even), where(odd > low, values.odd)};
    if (OPEN) return values;
    const I high = upto.bins(drawn);
    return {where(even <= high << 16, values.even), where(odd <= high, values.odd)};
  }
};

struct KeepRandom {
  static constexpr bool DRAWS = true;
  const I below;
  explicit KeepRandom(const Keep& k) : below(all(int32_t(uint32_t(k.below) << 16))) {}
  INLINE Pair operator()(Pair, U drawn, const uint8_t*, Pair values) const {
    return {where(I(drawn << 16) < below, values.even), where(I(drawn) < below, values.odd)};
  }
};

// The places of a group, in pairs.
INLINE U pairs_of(const uint8_t* places) {
  return U(__builtin_convertvector(load<UBytes>(places), UShorts));
}

struct KeepRanked {
  static constexpr bool DRAWS = true;
  const I start, step;
  explicit KeepRanked(const Keep& k) : start(all(k.start)), step(all(k.step)) {}

  INLINE F half(I drawn, U place, F values) const {
    return where(drawn < ((I(place) * step + start) >> 14), values);
  }
  INLINE Pair operator()(Pair, U drawn, const uint8_t* places, Pair values) const {
    const U both = pairs_of(places);
    return {half(I(drawn << 16) >> 16, both & 0xffffu, values.even),
            half(I(drawn) >> 16, both >> 16, values.odd)};
  }
};
