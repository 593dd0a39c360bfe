// A tile: TILE neighbouring entries, some of which may lie before or behind the tensor's part.

struct Tile {
  int64_t at;      // entry 0 of the part is at 0; negative for the first tile of a shifted part
  int from, upto;  // what of the tile lies in the part
  bool whole;
};

INLINE Tile tile_at(int64_t at, int64_t size) {
  const int from = at < 0 ? int(-at) : 0;
  const int upto = size - at < TILE ? int(size - at) : TILE;
  return {at, from, upto, from == 0 && upto == TILE};
}

constexpr int SIZES[] = {2, 2, 4, 1};  // bytes, by Type

// Memory for the intermediate results of a tile with `terms` terms. Not std::vector: code of the
// standard library compiled for one processor must not be what another processor runs.
class Scratch {
 public:
  explicit Scratch(int terms) {
    const size_t vectors = size_t(terms) * 2 + 5;
    memory_ = std::malloc(vectors * TILE * 4 + size_t(terms) * TILE + 4096);
    if (!memory_) std::abort();
    const uintptr_t line = (reinterpret_cast<uintptr_t>(memory_) + 63) & ~uintptr_t(63);
    char* next = reinterpret_cast<char*>(line);
    base = take<F>(next, TILE * 4);
    mix = take<F>(next, TILE * 4);
    words = take<U>(next, TILE * 2);
    steps = take<F>(next, TILE * 4);
    out = take<char>(next, TILE * 4);
    padded = take<char>(next, TILE * 4);
    thinned = take<F>(next, size_t(terms) * TILE * 4);
    values = take<char>(next, size_t(terms) * TILE * 4);
    places = take<uint8_t>(next, size_t(terms) * TILE);
  }
  ~Scratch() { std::free(memory_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  F *base, *mix, *steps, *thinned;
  U* words;
  char *out, *padded, *values;
  uint8_t* places;

 private:
  template <class T>
  static T* take(char*& next, size_t bytes) {
    T* const here = reinterpret_cast<T*>(next);
    next += bytes;
    return here;
  }
  void* memory_;
};

// A tile's numbers: where they lie, or, of a tile that is not whole, a copy with zeros around it.
INLINE const void* view(const void* from, int bytes, const Tile& tile, void* padded) {
  const char* const source = static_cast<const char*>(from) + tile.at * bytes;
  if (tile.whole) return source;
  char* const copy = static_cast<char*>(padded);
  __builtin_memset(copy, 0, TILE * bytes);
  __builtin_memcpy(copy + tile.from * bytes, source + tile.from * bytes,
                   (tile.upto - tile.from) * bytes);
  return copy;
}

// What the next tile will read. Memory is asked for it while this tile is finished: that takes long
// and reads little, so memory would be idle, and is never asked for more than it can send meanwhile.
class Soon {
 public:
  Soon(const Merge& job, int64_t at) {
    if (job.base) add(job.base, job.base_type, at);
    for (int i = 0; i < job.count && !job.linear; ++i) {
      add(job.terms[i].values, job.terms[i].type, at);
    }
  }

  // Ask for what lies where group j will be; COUNT: of how many inputs.
  template <int COUNT>
  INLINE void ask(int j) const {
    for (int i = 0; i < COUNT; ++i) one(i, j);
  }
  INLINE void ask(int j) const {
    for (int i = 0; i < count_; ++i) one(i, j);
  }

 private:
  void add(const void* from, int type, int64_t at) {
    if (count_ == MOST) return;
    bytes_[count_] = SIZES[type];
    from_[count_++] = static_cast<const char*>(from) + at * SIZES[type];
  }
  INLINE void one(int i, int j) const {
    for (int k = 0; k < GROUP * 4; k += 64) __builtin_prefetch(from_[i] + j * bytes_[i] + k);
  }

  static constexpr int MOST = 8;
  const char* from_[MOST];
  int bytes_[MOST], count_ = 0;
};

template <class X>
static void read(const void* from, F* to) {
  auto x = static_cast<const typename X::Stored*>(from);
  for (int j = 0; j < TILE; j += GROUP, x += GROUP) {
    const Pair both = X::read(x);
    *to++ = both.even;
    *to++ = both.odd;
  }
}

static void read_base(const void* base, int type, const Tile& tile, Scratch& scratch) {
  const void* const from = view(base, SIZES[type], tile, scratch.padded);
  switch (type) {
    case BF16: return read<Bf16>(from, scratch.base);
    case F16: return read<Half>(from, scratch.base);
    default: return read<Single>(from, scratch.base);
  }
}

// The row's step of each entry of a tile, in the order of its groups.
static void read_steps(const float* scales, int64_t row, const Tile& tile, F* to) {
  float* const lanes = reinterpret_cast<float*>(to);
  int64_t r = (tile.at + tile.from) / row, end = (r + 1) * row - tile.at;
  for (int j = 0; j < TILE; ++j) {
    if (j == end) ++r, end += row;
    const bool inside = j >= tile.from && j < tile.upto;
    lanes[j / GROUP * GROUP + (j % 2) * WIDTH + j % GROUP / 2] = inside ? scales[r] : 0.0f;
  }
}
