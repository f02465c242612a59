#include "heap/large.h"

#include "heap/remote.h"
#include "heap/run.h"
#include "heap/trim.h"
#include "os/os.h"

hk_status_t hk_large_take(hk_arena_t *arena, uint64_t size_bytes, hk_slab_t **slab) {
  if (size_bytes > HK_MAPPING_MAX) return HK_OUT_OF_MEMORY_OS;
  hk_remote_drain(arena);
  size_t bytes = (size_t)size_bytes;
  return hk_run_take(arena, (bytes + HK_SLAB_BYTES - 1) & ~(HK_SLAB_BYTES - 1), slab);
}

/* HK_DOUBLE_FREE: another thread has freed it. */
static hk_status_t put(hk_arena_t *arena, hk_slab_t *slab) {
  if (!hk_run_claim(slab)) return HK_DOUBLE_FREE;
  hk_run_put(arena, slab);
  return HK_OK;
}

static hk_status_t take_with_ref(hk_arena_t *arena, uint64_t size_bytes, hk_slab_t **slab) {
  hk_status_t status = hk_large_take(arena, size_bytes, slab);
  if (status != HK_OK || hk_arena_has_ref(*slab)) return status;
  (void)put(arena, *slab);
  return HK_OUT_OF_MEMORY_TABLE;
}

hk_status_t hk_large_alloc(hk_arena_t *arena, uint64_t size_bytes, uint32_t *ref) {
  if (size_bytes <= HK_CLASS_SIZE_MAX) return HK_INVALID_ARGUMENT;
  hk_slab_t *slab;
  hk_status_t status = take_with_ref(arena, size_bytes, &slab);
  if (status != HK_OK) {
    hk_note_refusal(arena, status);
    return status;
  }
  *ref = hk_arena_base_ref(slab);
  return HK_OK;
}

size_t hk_large_purge(hk_arena_t *arena, uint32_t ref, size_t from, size_t bytes) {
  hk_slab_t *slab = hk_arena_slab(arena, ref >> HK_REF_INDEX_BITS);
  bool is_block = slab != NULL && (ref & HK_REF_INDEX_MASK) == 0 && slab->state == HK_SLAB_RUN &&
                  !hk_run_is_claimed(slab) && slab->borrowers == 0;
  if (!is_block || (from | bytes) % HK_SLAB_BYTES != 0) return 0;
  size_t size = hk_run_block_bytes(slab);
  if (from > size || bytes > size - from || bytes == 0 || !hk_trim_is_ours(arena, slab)) return 0;
  if (!hk_os_purge(hk_arena_slab_address(slab) + from, bytes)) return 0;
  hk_stat_add(&arena->decay.bytes, bytes);
  hk_stat_add(&arena->returned_bytes, bytes);
  return bytes;
}

hk_status_t hk_large_free(hk_arena_t *arena, uint32_t ref) {
  hk_slab_t *slab = hk_arena_slab(arena, ref >> HK_REF_INDEX_BITS);
  if (slab == NULL || (ref & HK_REF_INDEX_MASK) != 0) return HK_NOT_OWNED;
  if (slab->state == HK_SLAB_UNUSED) return HK_DOUBLE_FREE;
  if (slab->state != HK_SLAB_RUN) return HK_NOT_OWNED;
  if (slab->borrowers > 0 || slab->list != HK_SLAB_LIST_NONE) return HK_SLAB_BUSY;
  return put(arena, slab);
}
