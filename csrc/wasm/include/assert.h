/* See string.h beside this file. */
#ifndef HK_WASM_ASSERT_H
#define HK_WASM_ASSERT_H

#define static_assert _Static_assert

#endif
