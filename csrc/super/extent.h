/* Extent: a huge mapping becomes longer or shorter, or gives pages to another one, without a copy.
 *
 * Owns:      nothing.
 * Called by: join, superslabs.
 * Calls:     superslab, pagemap, os.
 * Threads:   whoever owns the mappings.
 */
#ifndef HK_SUPER_EXTENT_H
#define HK_SUPER_EXTENT_H

#include "super/superslab.h"

/* Resizes a huge mapping that JavaScript has never seen, where it is or by moving its pages to
 * another place, without a copy. false: nothing changed, the system refused or has no such call. */
bool hk_extent_resize(hk_superslab_t *superslab, size_t bytes);

/* Moves the last `bytes` of the pages of an unused huge mapping to another one, `at` bytes behind its beginning; nobody
 * has touched that one there or behind. JavaScript has never seen `from`. Returns the bytes that have moved: fewer where
 * there would be too many seams, and then the others stay; or where the system refused, and then they are lost. 0:
 * nothing has changed, but that addresses without pages may be gone. What is left of `from` may be too short for a huge
 * mapping, or nothing. */
size_t hk_extent_give(hk_superslab_t *from, size_t bytes, hk_superslab_t *to, size_t at);

#endif
