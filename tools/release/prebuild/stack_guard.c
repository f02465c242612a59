/* What -fstack-protector asks for. GNU's own, libssp, opens a cryptographic provider while Windows holds
 * the lock of its loader, which may wait for another library. This guard is drawn from what Microsoft's
 * compiler draws its own from. */
#include <windows.h>

#include <stdint.h>

uintptr_t __stack_chk_guard;
void __stack_chk_fail(void);

__attribute__((constructor)) static void draw_guard(void) {
  FILETIME now;
  LARGE_INTEGER ticks;
  GetSystemTimeAsFileTime(&now);
  QueryPerformanceCounter(&ticks);
  uint64_t bits = ((uint64_t)now.dwHighDateTime << 32 | now.dwLowDateTime) ^ (uintptr_t)&ticks;
  bits ^= (uint64_t)ticks.QuadPart << 32 ^ (uint64_t)ticks.QuadPart;
  bits ^= (uint64_t)GetCurrentProcessId() << 32 ^ GetCurrentThreadId();
  /* The steps of splitmix64 spread them over the word. */
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
  /* A byte that is zero stops what copies text. */
  __stack_chk_guard = (bits ^ bits >> 31) & ~(uint64_t)0xff;
}

/* Ends the process at once, as __fastfail(FAST_FAIL_STACK_COOKIE_CHECK_FAILURE) does. */
__attribute__((noreturn)) void __stack_chk_fail(void) {
  __asm__ volatile("int $0x29" : : "c"(2));
  __builtin_unreachable();
}
