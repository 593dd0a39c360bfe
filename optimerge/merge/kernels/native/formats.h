// Numbers as they are stored, to and from float32: to nearest, ties to even.

struct Bf16 {
  using Stored = uint16_t;

  static INLINE Pair read(const Stored* from) {
    const U both = load<U>(from);
    return {F(both << 16), F(both & 0xffff0000u)};
  }

  // Write a group; return what was written. PLAIN: no NaN here has any of its lower 16 bits set,
  // since all came from 16-bit numbers; others could be rounded up beyond all NaNs.
  template <bool PLAIN>
  static INLINE Pair write(Pair y, Stored* to, bool past) {
    const U even = rounded<PLAIN>(y.even), odd = rounded<PLAIN>(y.odd);
    put(to, (even >> 16) | odd, past);
    return {F(even), F(odd)};
  }

  template <bool PLAIN>
  static INLINE U rounded(F y) {
    const U bits = U(y);
    U up = bits + 0x7fffu + ((bits >> 16) & 1u);
    if (!PLAIN) up = (I(y) & ABSOLUTE) > INFINITE ? bits | 0x400000u : up;
    return up & 0xffff0000u;
  }
};

struct Half {
  using Stored = uint16_t;

  static INLINE Pair read(const Stored* from) {
    const U both = load<U>(from);
    return {widened(both & 0xffffu), widened(both >> 16)};
  }

  template <bool PLAIN>
  static INLINE Pair write(Pair y, Stored* to, bool past) {
    const U even = narrowed(y.even), odd = narrowed(y.odd);
    put(to, even | (odd << 16), past);
    return {widened(even), widened(odd)};
  }

  // The exponent's bias differs by 112; multiplying makes denormal numbers right too.
  static INLINE F widened(U half) {
    const F scaled = F((half & 0x7fffu) << 13) * 0x1p112f;
    const U special = I(half & 0x7c00u) == 0x7c00 ? U{} + uint32_t(INFINITE) : U{};
    return F(U(scaled) | special | ((half & 0x8000u) << 16));
  }

  static INLINE U narrowed(F y) {
    const U bits = U(magnitude(y)), sign = (U(y) >> 16) & 0x8000u;
    const U normal = (bits - (112u << 23) + 0xfffu + ((bits >> 13) & 1u)) >> 13;
    // The last bit of 0.5 is worth the least denormal number.
    const U denormal = U(F(bits) + 0.5f) - 0x3f000000u;
    U half = I(bits) < 0x38800000 ? denormal : normal;
    half = I(bits) >= 0x477ff000 ? U{} + 0x7c00u : half;
    half = I(bits) > INFINITE ? U{} + 0x7e00u : half;
    return half | sign;
  }
};

struct Single {
  using Stored = float;

  static INLINE Pair read(const Stored* from) {
    const F first = load<F>(from), second = load<F>(from + WIDTH);
    return {SHUFFLE(first, second, EVEN), SHUFFLE(first, second, ODD)};
  }

  template <bool PLAIN>
  static INLINE Pair write(Pair y, Stored* to, bool past) {
    put(to, SHUFFLE(y.even, y.odd, FIRST), past);
    put(to + WIDTH, SHUFFLE(y.even, y.odd, SECOND), past);
    return y;
  }
};

struct Steps {
  using Stored = int8_t;

  static INLINE Pair read(const Stored* from) {
    const I both = I(__builtin_convertvector(load<Bytes>(from), Shorts));
    return {__builtin_convertvector((both << 16) >> 16, F), __builtin_convertvector(both >> 16, F)};
  }
};
