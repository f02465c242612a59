#include "cache/age.h"

#include "base/options.h"

uint64_t hk_age_ttl_ns(void) { return (uint64_t)hk_options_get()->superslab_ttl_sec * 1000000000u; }

bool hk_age_is_reached(const hk_superslab_t *superslab, uint64_t now_ns) {
  return superslab->cached_at_ns + hk_age_ttl_ns() <= now_ns;
}

bool hk_age_is_due(const hk_superslab_t *superslab, uint64_t now_ns) {
  return superslab->warmth == HK_COOLED ||
         (superslab->dirty_slots != 0 && hk_age_is_reached(superslab, now_ns));
}

uint64_t hk_age_due_ns(const hk_superslab_t *superslab, uint64_t warm_ns) {
  uint64_t ttl_ns = hk_age_ttl_ns(), end_ns = superslab->cached_at_ns + ttl_ns;
  if (superslab->warmth == HK_COOLED) return 0;
  if (superslab->warmth == HK_WARM && warm_ns < ttl_ns) return superslab->cached_at_ns + warm_ns;
  bool waits = superslab->dirty_slots == 0 && superslab->quarantined_until_ns > end_ns;
  return waits ? superslab->quarantined_until_ns : end_ns;
}
