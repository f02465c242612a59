// Memory: the global operators new and delete, as node-addon-api uses them for data of finalizers, and for
// the arguments of a call that has more than six. With these the addon needs nothing of libstdc++, so that
// one binary loads on every distribution.
#include "binding/memory.h"

#include <napi.h>

// What node-addon-api asks for are some dozens of bytes, and it does not look at the answer.
static void *AllocateOrEnd(size_t bytes) {
  void *memory = std::malloc(bytes != 0 ? bytes : 1);
  if (memory == nullptr) Napi::Error::Fatal("operator new", "hakmem-arena: out of memory");
  return memory;
}

void *operator new(size_t bytes) { return AllocateOrEnd(bytes); }
void *operator new[](size_t bytes) { return AllocateOrEnd(bytes); }
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete[](void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
void operator delete[](void *memory, size_t) noexcept { std::free(memory); }
