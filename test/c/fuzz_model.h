/* Sequences of operations on arenas, read from bytes, beside a model that says what must come of
 * them.
 *
 * Three arenas that differ, blocks of all kinds in slots, an OS that refuses when told to. What
 * does not agree with the model ends the process, for a fuzzer to see. /
 */
#ifndef HK_TEST_FUZZ_MODEL_H
#define HK_TEST_FUZZ_MODEL_H

#include "checked_block.h"

#define FUZZ_ARENAS 3
#define FUZZ_SLOTS 64

#define FUZZ_MUST(condition) \
  ((condition) ? (void)0 : fuzz_mismatch(#condition, __FILE__, __LINE__))

static inline void fuzz_mismatch(const char *what, const char *file, int line) {
  fprintf(stderr, "%s:%d: %s\n", file, line, what);
  abort();
}

/* --- Input ------------------------------------------------------------------------------------ */

typedef struct fuzz_input_t {
  const uint8_t *at, *end;
} fuzz_input_t;

static inline uint32_t fuzz_byte(fuzz_input_t *in) { return in->at < in->end ? *in->at++ : 0; }

static inline uint32_t fuzz_word(fuzz_input_t *in) {
  uint32_t low = fuzz_byte(in);
  return low | fuzz_byte(in) << 8;
}

/* Any class, run or huge mapping. */
static inline size_t fuzz_size(fuzz_input_t *in) {
  uint32_t kind = fuzz_byte(in), value = fuzz_word(in);
  switch (kind % 8) {
    case 0:
      return value % 33;
    case 1:
      return value % 8193;
    case 2:
      return value + 1;
    case 3:
      return (size_t)1 + value * 32;
    case 4:
      return HK_RUN_SIZE_MAX + 1 + value * (size_t)64;
    default:
      return value % 1025;
  }
}

/* --- The model -------------------------------------------------------------------------------- */

typedef struct fuzz_arena_t {
  hk_arena_t *arena; /* NULL: creation was refused, or not asked for yet */
  uint64_t allocs[HK_BIN_COUNT], frees[HK_BIN_COUNT], remote_frees[HK_BIN_COUNT];
} fuzz_arena_t;

typedef struct fuzz_slot_t {
  block_t block;
  fuzz_arena_t *home;
} fuzz_slot_t;

typedef struct fuzz_t {
  fuzz_input_t in;
  fuzz_arena_t arenas[FUZZ_ARENAS];
  fuzz_slot_t slots[FUZZ_SLOTS];
  uint64_t last_key;
} fuzz_t;

static inline fuzz_arena_t *fuzz_pick_arena(fuzz_t *f) {
  return &f->arenas[fuzz_byte(&f->in) % FUZZ_ARENAS];
}

static inline fuzz_slot_t *fuzz_pick_slot(fuzz_t *f) {
  return &f->slots[fuzz_byte(&f->in) % FUZZ_SLOTS];
}

static inline uint32_t fuzz_bin(const fuzz_arena_t *home, size_t bytes) {
  if (bytes > HK_RUN_SIZE_MAX) return HK_BIN_HUGE;
  if (bytes > HK_CLASS_SIZE_MAX) return HK_BIN_RUN;
  return hk_classes_bin(hk_arena_classes(home->arena), bytes);
}

/* Every sum and every count that the model knows. */
static inline void fuzz_check_arena(const fuzz_arena_t *home) {
  FUZZ_MUST(hk_arena_is_valid(home->arena));
  hk_arena_stats_t stats = hk_test_stats(home->arena);
  FUZZ_MUST(stats.double_frees == 0);
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) {
    const hk_bin_stats_t *b = &stats.bins[bin];
    FUZZ_MUST(b->allocs == home->allocs[bin]);
    FUZZ_MUST(b->frees_remote == home->remote_frees[bin]);
    FUZZ_MUST(b->frees_local + b->frees_remote == home->frees[bin]);
    FUZZ_MUST(b->live == home->allocs[bin] - home->frees[bin]);
  }
}

static inline void fuzz_check_all(const fuzz_t *f) {
  for (int i = 0; i < FUZZ_ARENAS; i++) {
    if (f->arenas[i].arena != NULL) fuzz_check_arena(&f->arenas[i]);
  }
  for (int i = 0; i < FUZZ_SLOTS; i++) {
    const block_t *block = &f->slots[i].block;
    if (block->address != NULL) FUZZ_MUST(block_holds(block));
  }
}

static inline void fuzz_check_apart(const fuzz_t *f, const block_t *block) {
  uintptr_t from = (uintptr_t)block->address, to = from + (block->bytes == 0 ? 1 : block->bytes);
  for (int i = 0; i < FUZZ_SLOTS; i++) {
    const block_t *other = &f->slots[i].block;
    if (other->address == NULL || other == block) continue;
    uintptr_t other_from = (uintptr_t)other->address;
    FUZZ_MUST(to <= other_from || other_from + other->bytes <= from);
  }
}

/* --- Arenas ----------------------------------------------------------------------------------- */

/* The first is ordinary, the second has a limit, the third classes of its own. */
static inline void fuzz_open(fuzz_t *f, fuzz_arena_t *home) {
  static const uint32_t sizes[] = {8, 48, 1024, 20000};
  hk_arena_options_t options = {.max_bytes = home == &f->arenas[1] ? 4 * HK_MIB : 0};
  if (home == &f->arenas[2]) {
    options.class_sizes = sizes;
    options.class_count = sizeof sizes / sizeof sizes[0];
  }
  memset(home, 0, sizeof *home);
  hk_status_t status = hk_arena_create(&options, &home->arena);
  FUZZ_MUST(status == HK_OK || (status == HK_OUT_OF_MEMORY_OS && home->arena == NULL));
  FUZZ_MUST(status == HK_OK || fake_os.maps_allowed == 0);
}

/* All its blocks are gone. */
static inline void fuzz_forget(fuzz_t *f, fuzz_arena_t *home) {
  for (int i = 0; i < FUZZ_SLOTS; i++) {
    if (f->slots[i].home == home) f->slots[i].block.address = NULL;
  }
}

static inline void fuzz_reset(fuzz_t *f, fuzz_arena_t *home) {
  hk_arena_reset(home->arena);
  fuzz_forget(f, home);
  memcpy(home->frees, home->allocs, sizeof home->frees);
  FUZZ_MUST(hk_arena_used_bytes(home->arena) == 0);
  fuzz_check_arena(home);
}

static inline void fuzz_close(fuzz_t *f, fuzz_arena_t *home) {
  fuzz_check_arena(home);
  FUZZ_MUST(hk_arena_destroy(home->arena) == HK_OK);
  fuzz_forget(f, home);
  home->arena = NULL;
}

/* --- Blocks ----------------------------------------------------------------------------------- */

static inline bool fuzz_may_refuse(const fuzz_arena_t *home) {
  return hk_arena_max_bytes(home->arena) != 0 || fake_os.maps_allowed == 0;
}

/* Bin of a live block, as the core sees it. */
static inline uint32_t fuzz_bin_at(hk_arena_t *arena, const void *block) {
  const hk_superslab_t *superslab = hk_pagemap_find(block);
  bool is_huge = hk_superslab_is_huge(superslab);
  size_t slot = is_huge ? 0 : (size_t)((const char *)block - superslab->base) / HK_SLAB_BYTES;
  hk_slab_info_t info;
  uint32_t number = hk_arena_slab_number(hk_slab_first(&superslab->slabs[slot]));
  FUZZ_MUST(hk_slab_info(arena, number, &info) == HK_OK);
  return info.bin;
}

/* A block has come into a slot. */
static inline void fuzz_accept(fuzz_t *f, fuzz_slot_t *slot, fuzz_arena_t *home) {
  block_t *block = &slot->block;
  slot->home = home;
  home->allocs[block->bin]++;
  FUZZ_MUST((uintptr_t)block->address % (block->bytes > 8 ? 16 : 8) == 0);
  FUZZ_MUST(hk_usable_size(block->address) >= (block->bytes == 0 ? 1 : block->bytes));
  FUZZ_MUST(hk_owns(home->arena, block->address));
  fuzz_check_apart(f, block);
  block->key = ++f->last_key;
  block_fill(block);
}

/* `status` of a free, by the owner or by somebody else. */
static inline void fuzz_free_as(fuzz_slot_t *slot, hk_arena_t *caller) {
  fuzz_arena_t *home = slot->home;
  block_t *block = &slot->block;
  FUZZ_MUST(block_holds(block));
  FUZZ_MUST(hk_free(caller, block->address) == HK_OK);
  home->frees[block->bin]++;
  if (caller != home->arena) home->remote_frees[block->bin]++;
  block->address = NULL;
}

static inline void fuzz_alloc(fuzz_t *f, uint32_t how) {
  fuzz_arena_t *home = fuzz_pick_arena(f);
  fuzz_slot_t *slot = fuzz_pick_slot(f);
  if (home->arena == NULL || slot->block.address != NULL) return;
  block_t *block = &slot->block;
  block->bytes = fuzz_size(&f->in);
  block->bin = fuzz_bin(home, block->bytes);
  block->key = f->last_key + 1;
  if (how == 0) {
    block->address = hk_alloc(home->arena, block->bytes);
  } else if (how == 1) {
    block->address = hk_alloc_zeroed(home->arena, block->bytes, 1);
    if (block->address != NULL) FUZZ_MUST(block_is_zero(block));
  } else {
    size_t alignment = (size_t)1 << fuzz_byte(&f->in) % 22;
    block->address = hk_alloc_aligned(home->arena, block->bytes, alignment);
    FUZZ_MUST((uintptr_t)block->address % alignment == 0);
    if (block->address != NULL) block->bin = fuzz_bin_at(home->arena, block->address);
  }
  if (block->address != NULL) {
    fuzz_accept(f, slot, home);
  } else {
    FUZZ_MUST(fuzz_may_refuse(home));
  }
}

static inline uint64_t fuzz_huge_allocs(const fuzz_arena_t *home) {
  return hk_test_stats(home->arena).bins[HK_BIN_HUGE].allocs;
}

/* Also from one arena into another. */
static inline void fuzz_realloc(fuzz_t *f) {
  fuzz_arena_t *home = fuzz_pick_arena(f);
  fuzz_slot_t *slot = fuzz_pick_slot(f);
  size_t bytes = fuzz_size(&f->in);
  block_t *block = &slot->block;
  if (home->arena == NULL || block->address == NULL) return;
  FUZZ_MUST(block_holds(block));
  bool was_huge = block->bin == HK_BIN_HUGE && home == slot->home;
  uint64_t allocs = was_huge ? fuzz_huge_allocs(home) : 0;
  void *moved = hk_realloc(home->arena, block->address, bytes);
  if (moved == NULL) {
    FUZZ_MUST(fuzz_may_refuse(home) && block_holds(block));
    return;
  }
  block_t resized = {.address = moved, .bytes = block->bytes, .key = block->key};
  FUZZ_MUST(block_holds_after_resize(&resized, bytes));
  bool has_moved = moved != block->address;
  /* A huge block can change its address without a copy, and is the same block then. */
  if (has_moved && was_huge && fuzz_bin_at(home->arena, moved) == HK_BIN_HUGE) {
    has_moved = fuzz_huge_allocs(home) != allocs;
  }
  FUZZ_MUST(has_moved || home == slot->home);
  if (has_moved) {
    slot->home->frees[block->bin]++;
    if (home != slot->home) slot->home->remote_frees[block->bin]++;
    block->bin = fuzz_bin_at(home->arena, moved); /* a run that grows may become huge */
  } else {
    home->allocs[block->bin]--; /* fuzz_accept counts it again */
  }
  block->address = moved;
  block->bytes = bytes;
  fuzz_accept(f, slot, home);
}

static inline void fuzz_free(fuzz_t *f) {
  fuzz_slot_t *slot = fuzz_pick_slot(f);
  uint32_t who = fuzz_byte(&f->in);
  if (slot->block.address == NULL) return;
  hk_arena_t *caller = slot->home->arena;
  if (who % 4 == 0) caller = f->arenas[who / 4 % FUZZ_ARENAS].arena; /* may be NULL */
  if (who % 16 == 4) caller = NULL;
  fuzz_free_as(slot, caller);
}

/* Frees that must be refused; certain only right after the first free. */
static inline void fuzz_free_twice(fuzz_t *f) {
  fuzz_slot_t *slot = fuzz_pick_slot(f);
  bool remote = fuzz_byte(&f->in) % 2 == 0;
  void *address = slot->block.address;
  if (address == NULL) return;
  hk_arena_t *caller = remote ? NULL : slot->home->arena;
  fuzz_free_as(slot, caller);
  hk_status_t status = hk_free(caller, address);
  bool is_large = slot->block.bin >= HK_BIN_MAX;
  FUZZ_MUST(status == HK_DOUBLE_FREE || (is_large && !remote && status == HK_NOT_OWNED));
}

static inline void fuzz_free_inside(fuzz_t *f) {
  const fuzz_slot_t *slot = fuzz_pick_slot(f);
  size_t offset = fuzz_word(&f->in);
  if (slot->block.address == NULL) return;
  size_t usable = hk_usable_size(slot->block.address);
  char *inside = (char *)slot->block.address + 1 + offset * 64 % (usable - 1);
  FUZZ_MUST(hk_free(slot->home->arena, inside) == HK_NOT_OWNED);
  FUZZ_MUST(hk_free(NULL, inside) == HK_NOT_OWNED);
}

static inline void fuzz_free_foreign(fuzz_t *f) {
  uintptr_t address = 0;
  for (int i = 0; i < 4; i++) address = address << 16 | fuzz_word(&f->in);
  void *foreign = (void *)address;
  for (int i = 0; i < FUZZ_ARENAS; i++) {
    if (hk_owns(f->arenas[i].arena, foreign)) return;
  }
  hk_status_t expected = foreign == NULL ? HK_OK : HK_NOT_OWNED;
  for (int i = 0; i < FUZZ_ARENAS; i++) {
    FUZZ_MUST(hk_free(f->arenas[i].arena, foreign) == expected);
  }
  FUZZ_MUST(hk_usable_size(foreign) == 0);
  FUZZ_MUST(hk_realloc(f->arenas[0].arena, &address, 10) == NULL);
}

/* --- The OS ----------------------------------------------------------------------------------- */

static inline void fuzz_change_os(fuzz_t *f) {
  static const hk_os_result_t results[] = {HK_OS_DONE, HK_OS_NO_MEMORY, HK_OS_REFUSED};
  uint32_t what = fuzz_byte(&f->in);
  fake_os.maps_allowed = what % 4 == 0 ? what / 32 : UINT64_MAX;
  fake_os.purge_result = results[what / 4 % 3];
  fake_os.now_ns += (uint64_t)(what / 16) * 1000000000;
}

/* --- A sequence ------------------------------------------------------------------------------- */

static inline void fuzz_with_arena(fuzz_t *f, uint32_t what) {
  fuzz_arena_t *home = fuzz_pick_arena(f);
  if (home->arena == NULL) {
    fuzz_open(f, home);
  } else if (what % 4 == 0) {
    fuzz_reset(f, home);
  } else if (what % 4 == 1) {
    fuzz_close(f, home);
  } else {
    (void)hk_arena_trim(home->arena);
    fuzz_check_arena(home);
  }
}

static inline void fuzz_step(fuzz_t *f) {
  uint32_t op = fuzz_byte(&f->in);
  switch (op % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
      fuzz_alloc(f, 0);
      break;
    case 4:
      fuzz_alloc(f, 1);
      break;
    case 5:
      fuzz_alloc(f, 2);
      break;
    case 6:
      fuzz_realloc(f);
      break;
    case 7:
      fuzz_free_twice(f);
      break;
    case 8:
      fuzz_free_inside(f);
      break;
    case 9:
      fuzz_free_foreign(f);
      break;
    case 10:
      fuzz_change_os(f);
      break;
    case 11:
      fuzz_with_arena(f, op / 16);
      break;
    case 12:
      fuzz_check_all(f);
      break;
    default:
      fuzz_free(f);
  }
}

/* All memory is back with the OS, but for leaves of the address map. */
static inline void fuzz_check_nothing_left(void) {
  hk_test_empty_cache();
  FUZZ_MUST(fake_os.slab_bytes == 0);
  FUZZ_MUST(fake_os.mapped_bytes % (HK_PAGEMAP_LEAF_SIZE * sizeof(hk_pagemap_entry_t)) == 0);
}

/* Plays a sequence from beginning to end, on an OS that is as it was before. */
static inline void fuzz_play(const uint8_t *bytes, size_t count) {
  static fuzz_t f;
  hk_options_t saved = *hk_test_options();
  memset(&f, 0, sizeof f);
  f.in = (fuzz_input_t){bytes, bytes + count};
  fake_os_begin();
  uint32_t policy = fuzz_byte(&f.in);
  hk_test_options()->free_policy = policy % 2;
  hk_test_options()->superslab_max_cached = policy / 2 % 4;
  hk_test_options()->madvise_strict = policy / 8 % 2;
  fuzz_open(&f, &f.arenas[0]); /* the others when asked for: arenas cost more than operations */
  while (f.in.at < f.in.end) fuzz_step(&f);
  fuzz_check_all(&f);
  for (int i = 0; i < FUZZ_ARENAS; i++) {
    if (f.arenas[i].arena != NULL) fuzz_close(&f, &f.arenas[i]);
  }
  fuzz_check_nothing_left();
  fake_os_end();
  *hk_test_options() = saved;
}

#endif
