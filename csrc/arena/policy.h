/* Policy: what an arena goes by where more than one way is right.
 *
 * Owns:      the policies of hk_arena_t, and the delay of its decay.
 * Called by: arena (create), and everybody as hk_arena_set_policy.
 * Calls:     options.
 * Threads:   owner only.
 */
#ifndef HK_ARENA_POLICY_H
#define HK_ARENA_POLICY_H

#include "hakmem.h"

/* That of an arena that was made without options. */
hk_arena_policy_t hk_policy_default(void);

#endif
