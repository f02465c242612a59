// Memory: how the binding allocates its own records.
#ifndef HK_BINDING_MEMORY_H
#define HK_BINDING_MEMORY_H

#include <cstddef>
#include <cstdlib>

namespace hakmem {

// A base for records made with `new`. Because its operator new is noexcept, a new-expression that finds no
// memory is nullptr, and constructs nothing.
struct Allocated {
  static void *operator new(size_t bytes) noexcept { return std::malloc(bytes); }
  static void operator delete(void *record) { std::free(record); }
};

} // namespace hakmem

#endif
