// Draws, and what of a task vector is kept: each class gives `values` where its entry is kept and
// zeros elsewhere. Formulas and names as in kernels/program.py.

constexpr uint64_t GAMMA = 0x9E3779B97F4A7C15u;

INLINE Q mixed(Q z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// The signed draws of a tile whose first entry has this index; an even number of groups. Meanwhile
// memory, which is idle here, sends what is `soon` needed, of so many bytes an entry.
static void draw(uint64_t key, int64_t index, const char* soon, int bytes, U* to) {
  Q counter;
  for (int k = 0; k < WIDTH / 2; ++k) counter[k] = key + uint64_t(index / 4 + 1 + k) * GAMMA;
  Q next = counter + uint64_t(WIDTH / 2) * GAMMA;
  for (int j = 0; j < TILE / GROUP; j += 2) {
    ask(soon, 2 * GROUP * bytes);
    soon += 2 * GROUP * bytes;
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

template <bool OPEN>  // no upper end
struct KeepEdges {
  static constexpr bool DRAWS = true;
  const I above, upto;
  explicit KeepEdges(const Keep& k) : above(all(k.above)), upto(all(k.upto)) {}

  INLINE F half(F d, U complement, F values) const {
    const I code = (I(d) & TOP) | I(complement);
    const F kept = where(code > above, values);
    return OPEN ? kept : where(code <= upto, kept);
  }
  INLINE Pair operator()(Pair d, U drawn, const uint8_t*, Pair values) const {
    const U complement = drawn ^ 0x7fff7fffu;  // 65535 - u
    return {half(d.even, complement & 0xffffu, values.even),
            half(d.odd, complement >> 16, values.odd)};
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
