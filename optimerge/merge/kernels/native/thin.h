// Task vectors of a tile: thinned, scaled and weighted.

template <class X>
INLINE Pair delta(const typename X::Stored* x, const F* base, const F*) {
  const Pair both = X::read(x);
  return {both.even - base[0], both.odd - base[1]};
}

template <>
INLINE Pair delta<Steps>(const int8_t* x, const F*, const F* steps) {
  const Pair both = Steps::read(x);
  return {both.even * steps[0], both.odd * steps[1]};
}

// What a term's kernels read of a tile.
struct Inputs {
  const Term& term;
  const void* values;
  const F *base, *steps;
  const U* drawn;
  const uint8_t* places;
};

// Calls `visit` with the class of what the term keeps.
template <class V>
static void by_keep(const Keep& keep, const V& visit) {
  switch (keep.kind) {
    case WHOLE: return visit(KeepWhole(keep));
    case BINS: return visit(KeepBins(keep));
    case EDGES:
      return keep.upto == INT32_MAX ? visit(KeepEdges<true>(keep)) : visit(KeepEdges<false>(keep));
    case RANDOM: return visit(KeepRandom(keep));
    default: return visit(KeepRanked(keep));
  }
}

template <class X, class K>
static void thin(const Inputs& in, const K keep, F* to) {
  auto x = static_cast<const typename X::Stored*>(in.values);
  const F *base = in.base, *steps = in.steps;
  const U* drawn = in.drawn;
  const F scale = all(in.term.scale), weight = all(in.term.weight);
  const bool scaled = in.term.scale != 1.0f;
  for (int j = 0; j < TILE; j += GROUP, base += 2, steps += 2, to += 2) {
    Pair d = delta<X>(x + j, base, steps);
    d = keep(d, K::DRAWS ? *drawn++ : U{}, in.places + j, d);
    if (scaled) d = {d.even * scale, d.odd * scale};
    to[0] = d.even * weight;
    to[1] = d.odd * weight;
  }
}

template <class X>
struct Thin {
  const Inputs& in;
  F* const to;
  template <class K>
  void operator()(const K& keep) const { thin<X>(in, keep, to); }
};

static void thin(const Inputs& in, F* to) {
  switch (in.term.type) {
    case BF16: return by_keep(in.term.keep, Thin<Bf16>{in, to});
    case F16: return by_keep(in.term.keep, Thin<Half>{in, to});
    case F32: return by_keep(in.term.keep, Thin<Single>{in, to});
    default: return by_keep(in.term.keep, Thin<Steps>{in, to});
  }
}
