/* Included before everything else when GNU's C++ headers, configured for glibc, meet musl's C headers:
 * takes back what the configuration found in glibc. */
#ifndef HK_MUSL_CXX_H
#define HK_MUSL_CXX_H

#define __GLIBC_PREREQ(major, minor) 0
#include <bits/c++config.h>
#undef _GLIBCXX_USE_PTHREAD_COND_CLOCKWAIT
#undef _GLIBCXX_USE_PTHREAD_MUTEX_CLOCKLOCK
#undef _GLIBCXX_USE_PTHREAD_RWLOCK_CLOCKLOCK

#include <locale.h>
typedef locale_t __locale_t;

#endif
