// Vectors of WIDTH floats, and groups of 2 * WIDTH neighbouring entries: the even ones in one
// vector, the odd ones in another. Pairs of 16-bit numbers split so by shift and mask alone, and
// the draws of a group, four to a 64-bit word, do so too. Little-endian.
//
// Included once for every instruction set, within its namespace.

#define INLINE inline __attribute__((always_inline))
#define INLINE_LAMBDA __attribute__((always_inline))

typedef float F __attribute__((vector_size(4 * WIDTH)));
typedef int32_t I __attribute__((vector_size(4 * WIDTH)));
typedef uint32_t U __attribute__((vector_size(4 * WIDTH)));
typedef uint64_t Q __attribute__((vector_size(4 * WIDTH)));
typedef int8_t Bytes __attribute__((vector_size(2 * WIDTH)));
typedef uint8_t UBytes __attribute__((vector_size(2 * WIDTH)));
typedef int16_t Shorts __attribute__((vector_size(4 * WIDTH)));
typedef uint16_t UShorts __attribute__((vector_size(4 * WIDTH)));

constexpr int GROUP = 2 * WIDTH;
constexpr int TILE = 1024;            // entries whose intermediate results stay in the first cache
constexpr int VECTORS = TILE / WIDTH;
constexpr int AHEAD = 2048;           // bytes that memory is asked for before they are needed
constexpr int32_t ABSOLUTE = INT32_MAX;
constexpr int32_t INFINITE = 0x7f800000;
constexpr int32_t TOP = 0x7fff0000;   // a bin of magnitude
constexpr int32_t FLT_MIN_BITS = 0x00800000;
constexpr int32_t TWO_TO_31 = 0x4f000000;

struct Pair {
  F even, odd;
};

template <class T>
INLINE T load(const void* from) {
  T values;
  __builtin_memcpy(&values, from, sizeof values);
  return values;
}

template <class T>
INLINE void store(void* to, T values) {
  __builtin_memcpy(to, &values, sizeof values);
}

INLINE int32_t as_bits(float x) {
  int32_t bits;
  __builtin_memcpy(&bits, &x, 4);
  return bits;
}
INLINE F all(float x) { return F{} + x; }
INLINE I all(int32_t x) { return I{} + x; }
INLINE F where(I mask, F values) { return mask ? values : F{}; }
INLINE I larger(I a, I b) {
#if defined(__x86_64__) && WIDTH == 8 && !defined(OPTIMERGE_ANYWHERE)
  return I(_mm256_max_epi32(__m256i(a), __m256i(b)));  // compilers make two of it
#else
  return a > b ? a : b;
#endif
}
INLINE F magnitude(F x) { return F(I(x) & ABSOLUTE); }

// Has memory sent what is needed soon.
INLINE void ask(const void* at, int bytes) {
  for (int k = 0; k < bytes; k += 64) __builtin_prefetch(static_cast<const char*>(at) + k);
}

// Writes a vector past the caches where `past`, for which its place must be aligned: merged weights
// are read only when all are done. Best between calculations, which go on while memory takes it.
template <class T>
INLINE void put(void* to, T values, bool past) {
#if defined(__x86_64__) && WIDTH == 16 && !defined(OPTIMERGE_ANYWHERE)
  if (past) return _mm512_stream_si512(static_cast<__m512i*>(to), __m512i(values));
#elif defined(__x86_64__) && WIDTH == 8 && !defined(OPTIMERGE_ANYWHERE)
  if (past) return _mm256_stream_si256(static_cast<__m256i*>(to), __m256i(values));
#elif defined(__x86_64__) && WIDTH == 4
  if (past) return _mm_stream_si128(static_cast<__m128i*>(to), __m128i(values));
#endif
  store(to, values);
}

INLINE bool can_pass(const void* to) {
#if defined(__x86_64__)
  return reinterpret_cast<uintptr_t>(to) % (4 * WIDTH) == 0;
#else
  return false;
#endif
}

INLINE void fence() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}
