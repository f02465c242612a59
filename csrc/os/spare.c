#include "os/spare.h"

#include <stdatomic.h>

#include "os/lock.h"
#include "os/os.h"

typedef struct spare_t {
  void *address; /* NULL: none */
  size_t bytes;
  hk_spare_kind_t kind;
} spare_t;

/* All fields under the lock. */
static struct {
  hk_lock_t lock;
  spare_t spares[HK_SPARE_MAX];
  uint32_t limit;
} kept = {.lock = HK_LOCK_INIT(HK_LOCK_RANK_SPARE), .limit = HK_SPARE_MAX};

/* Since the process began: what was taken of each kind, from here and from the OS. */
static _Atomic(uint64_t) taken[HK_SPARE_KINDS][2];

static void *take(hk_spare_kind_t kind, size_t bytes) {
  void *address = NULL;
  hk_lock_acquire(&kept.lock);
  for (uint32_t i = 0; i < HK_SPARE_MAX && address == NULL; i++) {
    spare_t *spare = &kept.spares[i];
    if (spare->address == NULL || spare->kind != kind || spare->bytes != bytes) continue;
    address = spare->address;
    spare->address = NULL;
  }
  hk_lock_release(&kept.lock);
  return address;
}

void *hk_spare_take(hk_spare_kind_t kind, size_t bytes, bool *fresh) {
  void *address = take(kind, bytes);
  *fresh = address == NULL;
  if (*fresh) address = hk_os_map_metadata(bytes);
  if (address != NULL) atomic_fetch_add_explicit(&taken[kind][*fresh], 1, memory_order_relaxed);
  return address;
}

uint64_t hk_spare_taken(hk_spare_kind_t kind, bool fresh) {
  return atomic_load_explicit(&taken[kind][fresh], memory_order_relaxed);
}

static bool keep(const spare_t *spare) {
  bool done = false;
  hk_lock_acquire(&kept.lock);
  for (uint32_t i = 0; i < kept.limit && !done; i++) {
    if (kept.spares[i].address != NULL) continue;
    kept.spares[i] = *spare;
    done = true;
  }
  hk_lock_release(&kept.lock);
  return done;
}

void hk_spare_put(hk_spare_kind_t kind, void *address, size_t bytes) {
  const spare_t spare = {address, bytes, kind};
  if (bytes > HK_SPARE_BYTES_MAX || !keep(&spare)) (void)hk_os_unmap_metadata(address, bytes);
}

void hk_spare_limit(uint32_t count) {
  (void)hk_spare_trim();
  hk_lock_acquire(&kept.lock);
  kept.limit = count;
  hk_lock_release(&kept.lock);
}

size_t hk_spare_trim(void) {
  spare_t spares[HK_SPARE_MAX];
  size_t bytes = 0;
  hk_lock_acquire(&kept.lock);
  for (uint32_t i = 0; i < HK_SPARE_MAX; i++) {
    spares[i] = kept.spares[i];
    kept.spares[i].address = NULL;
  }
  hk_lock_release(&kept.lock);
  for (uint32_t i = 0; i < HK_SPARE_MAX; i++) {
    if (spares[i].address == NULL) continue;
    (void)hk_os_unmap_metadata(spares[i].address, spares[i].bytes);
    bytes += spares[i].bytes;
  }
  return bytes;
}

void hk_spare_lock(void) { hk_lock_acquire(&kept.lock); }
void hk_spare_unlock(void) { hk_lock_release(&kept.lock); }
