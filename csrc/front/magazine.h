/* Magazine: what the rest of the front may ask of it, beside hk_alloc and hk_free. */
#ifndef HK_FRONT_MAGAZINE_H
#define HK_FRONT_MAGAZINE_H

#include "arena/arena.h"

/* Gives all blocks of all magazines back to the core, and the slabs that are empty then back to the
 * supply. Owner only. */
void hk_magazine_flush_all(hk_arena_t *arena);

#endif
