#include "arena/policy.h"

#include "heap/decay.h"

/* Empty slabs that a bin gathers before it offers them, and those that it keeps then.
 *
 * Generous, because retiring a slab that JavaScript sees detaches its ArrayBuffer, and after the
 * first detach the engine checks every typed array access it compiles. A share of all slabs,
 * because a class with few blocks per slab empties slabs by chance alone. Two limits, so that a
 * bin that swings by a few slabs never retires any. A trim gives back what is kept here. */
static const hk_empty_limit_t high = {16, HK_EMPTY_SHARE_ONE / 2};
static const hk_empty_limit_t low = {4, HK_EMPTY_SHARE_ONE / 4};
static const hk_empty_limit_t lean_high = {2, HK_EMPTY_SHARE_ONE / 8};
static const hk_empty_limit_t lean_low = {1, HK_EMPTY_SHARE_ONE / 16};

hk_arena_policy_t hk_policy_default(void) {
  const hk_options_t *options = hk_options_get();
  bool is_lean = options->policy_profile == HK_PROFILE_LEAN;
  return (hk_arena_policy_t){.purge_delay_ms = options->purge_delay_ms,
                             .free_policy = (uint32_t)options->free_policy,
                             .empty_high = is_lean ? lean_high : high,
                             .empty_low = is_lean ? lean_low : low};
}

void hk_arena_policy(const hk_arena_t *arena, hk_arena_policy_t *policy) {
  uint64_t delay_ns = arena->decay.delay_ns;
  *policy = (hk_arena_policy_t){.purge_delay_ms =
                                    delay_ns == HK_DECAY_NEVER ? -1 : (int64_t)(delay_ns / 1000000),
                                .free_policy = (uint32_t)arena->policy,
                                .empty_high = arena->empty_high,
                                .empty_low = arena->empty_low};
}

static bool is_limit(const hk_empty_limit_t *limit) {
  return limit->slabs <= HK_EMPTY_SLABS_MAX && limit->share <= HK_EMPTY_SHARE_ONE;
}

static bool is_valid(const hk_arena_policy_t *policy) {
  return policy->purge_delay_ms >= -1 &&
         policy->purge_delay_ms <= (int64_t)HK_PURGE_DELAY_MAX - 2 &&
         policy->free_policy <= HK_FREE_POLICY_BATCH && is_limit(&policy->empty_high) &&
         is_limit(&policy->empty_low) && policy->empty_low.slabs <= policy->empty_high.slabs &&
         policy->empty_low.share <= policy->empty_high.share;
}

hk_status_t hk_arena_set_policy(hk_arena_t *arena, const hk_arena_policy_t *policy) {
  if (!is_valid(policy)) return HK_INVALID_ARGUMENT;
  uint64_t delay_ns = hk_decay_delay_ns(policy->purge_delay_ms);
  if (delay_ns != arena->decay.delay_ns) arena->decay.due_ns = 0; /* the next call looks at once */
  arena->decay.delay_ns = delay_ns;
  arena->policy = policy->free_policy;
  arena->empty_high = policy->empty_high;
  arena->empty_low = policy->empty_low;
  return HK_OK;
}
