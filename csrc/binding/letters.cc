// Letters: blocks of arenas that other worlds adopt, and blocks that this one has adopted.
//
// A borrower gets an external ArrayBuffer over the bytes of its block and nothing around it, so that it neither sees
// nor clones nor gives away what is next to them. It stays on V8's account while it is the program's. Its release
// detaches it; only then is the letter returned. If its bytes have been given away, or V8 must not detach it, the letter
// is returned when V8 has freed the backing store. What was detached by moving its memory serves the next ticket of the
// same bytes (warm.cc).
#include <algorithm>

#include "binding/hot_arguments.h"

namespace hakmem {

namespace {

// A number that can be a ticket; the core knows whether it is one. false: no such number.
bool ReadTicket(double number, uint64_t *ticket) {
  constexpr double end = 9007199254740992.0;
  if (!(number >= 0 && number < end)) return false;
  *ticket = static_cast<uint64_t>(number);
  return static_cast<double>(*ticket) == number;
}

napi_value HotDouble(napi_env env, double number) {
  napi_value result = nullptr;
  napi_create_double(env, number, &result);
  return result;
}

// --- The lender ----------------------------------------------------------------------------------

// offer(arena, reference, bytes) -> ticket | -status
napi_value Offer(napi_env env, napi_callback_info info) {
  HotArguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  uint32_t ref = arguments.Uint32(1);
  double bytes = arguments.Double(2);
  bool is_size = bytes >= 1 && bytes <= static_cast<double>(HK_SIZE_MAX);
  if (!arguments.ok() || !is_size) return arguments.Refuse();
  uint64_t ticket = 0;
  hk_status_t status = hk_letter_reserve(arena->core);
  if (status == HK_OK) {
    status = hk_letter_offer(arena->core, ref, static_cast<uint64_t>(bytes), &ticket);
  }
  if (status != HK_OK) return HotFailure(env, status);
  return HotDouble(env, static_cast<double>(ticket));
}

// recall(arena, ticket) -> [reference, bin, bytes] | -status
Napi::Value Recall(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  ArenaHandle *arena = arguments.Arena();
  double number = arguments.Double(1);
  if (!arguments.ok()) return arguments.Refuse();
  uint64_t ticket = 0;
  // Made before the block is taken back: nothing can fail then.
  auto result = Napi::Float64Array::New(env, 3);
  if (result.IsEmpty()) return Failure(env, HK_OUT_OF_MEMORY_OS);
  double *out = result.Data();
  hk_recalled_t recalled = {};
  hk_status_t status = ReadTicket(number, &ticket)
                           ? hk_letter_recall(arena->core, ticket, &recalled)
                           : HK_BAD_TICKET;
  if (status != HK_OK) return Failure(env, status);
  out[0] = recalled.ref;
  out[1] = recalled.bin;
  out[2] = static_cast<double>(recalled.bytes);
  return result;
}

// takeReturned(arena) -> reference of a block beyond 64 KB that has come back | -1
napi_value TakeReturned(napi_env env, napi_callback_info info) {
  HotArguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  if (!arguments.ok()) return arguments.Refuse();
  return HotInt32(env, static_cast<int32_t>(hk_letter_take_large(arena->core)));
}

// --- The borrower --------------------------------------------------------------------------------

// Nobody reaches the bytes any more.
void EndLoan(Loan *loan) {
  loan->holding = false;
  loan->environment->loans[loan->ticket % HK_LETTERS_MAX] = nullptr;
  (void)hk_letter_return(loan->ticket);
}

void LoanFreed(napi_env env, void *, void *hint) {
  auto *loan = static_cast<Loan *>(hint);
  Environment *environment = loan->environment;
  if (loan->warm && environment != nullptr) {
    ForgetWarmLoan(loan);
    Recount(env, loan);
  } else if (loan->holding && environment != nullptr) {
    if (HasLeft(environment, loan) || IsNobodys(environment, loan->ending)) {
      EndLoan(loan);
    } else {
      // Somebody has them for ever, and the letter stays adopted.
      environment->loans[loan->ticket % HK_LETTERS_MAX] = nullptr;
    }
  }
  delete loan;
}

// The loan of a ticket that this world has adopted and holds, or nullptr.
Loan *FindLoan(const Environment *environment, uint64_t ticket) {
  uint64_t number = ticket % HK_LETTERS_MAX;
  if (number >= environment->loan_count) return nullptr;
  Loan *loan = environment->loans[number];
  return loan != nullptr && loan->ticket == ticket ? loan : nullptr;
}

// What was made of a ticket on its way to JavaScript.
struct Adopted {
  Loan *loan; // nullptr: it was refused
  napi_value buffer;
  hk_status_t refusal;
};

// A loan with a new ArrayBuffer, which nobody holds yet. Without a loan: the engine has no memory, or the world is being
// terminated.
Adopted WrapLoan(napi_env env, Environment *environment, void *address, uint64_t bytes) {
  Adopted adopted = {nullptr, nullptr, HK_OUT_OF_MEMORY_OS};
  auto *loan = new Loan();
  if (loan == nullptr) return adopted;
  loan->address = address;
  loan->bytes = static_cast<int64_t>(bytes);
  napi_status status =
      napi_create_external_arraybuffer(env, address, bytes, LoanFreed, loan, &adopted.buffer);
  if (status != napi_ok) return adopted; // its finalizer may come all the same, and deletes it
  loan->environment = environment;
  adopted.loan = loan;
  return adopted;
}

// A loan for an adopted block, with an ArrayBuffer. Only a warm one is strong already.
Adopted LoanFor(napi_env env, uint64_t ticket, void *address, uint64_t bytes) {
  Environment *environment = EnvironmentOf(env);
  if (LoanPlace(environment, ticket) == nullptr) return {nullptr, nullptr, HK_OUT_OF_MEMORY_OS};
  Loan *warm = TakeWarmLoan(env, environment, address, bytes);
  Adopted adopted = warm != nullptr ? Adopted{warm, warm->buffer.Value(), HK_OK}
                                    : WrapLoan(env, environment, address, bytes);
  if (adopted.loan != nullptr) adopted.loan->ticket = ticket;
  return adopted;
}

// An adopted letter without an ArrayBuffer is returned.
Adopted AdoptOne(napi_env env, double number) {
  uint64_t ticket = 0, bytes = 0;
  void *address = nullptr;
  hk_status_t status =
      ReadTicket(number, &ticket) ? hk_letter_adopt(ticket, &address, &bytes) : HK_BAD_TICKET;
  if (status != HK_OK) return {nullptr, nullptr, status};
  Adopted adopted = LoanFor(env, ticket, address, bytes);
  if (adopted.loan == nullptr) (void)hk_letter_return(ticket);
  return adopted;
}

bool IsNew(const Adopted &adopted) {
  return adopted.loan != nullptr && adopted.loan->buffer.IsEmpty();
}

// The sentinel has to be younger than all loans: one is renewed for all that are made together, which halves what a
// loan costs. Without one nobody gets any of them.
void EnterLoans(napi_env env, Adopted *all, uint32_t count) {
  Environment *environment = EnvironmentOf(env);
  bool has_sentinel = std::none_of(all, all + count, IsNew) || RenewSentinel(env, environment);
  for (uint32_t i = 0; i < count; i++) {
    Loan *loan = all[i].loan;
    if (loan == nullptr) continue;
    if (!IsNew(all[i]) || has_sentinel) {
      if (IsNew(all[i])) loan->buffer = Napi::Persistent(Napi::ArrayBuffer(env, all[i].buffer));
      loan->holding = true;
      environment->loans[loan->ticket % HK_LETTERS_MAX] = loan;
    } else {
      uint64_t ticket = loan->ticket;
      // Nobody has seen it; the finalizer deletes the loan.
      napi_detach_arraybuffer(env, all[i].buffer);
      (void)hk_letter_return(ticket);
      all[i] = {nullptr, nullptr, HK_OUT_OF_MEMORY_OS};
    }
  }
}

napi_value ResultOf(napi_env env, const Adopted &adopted) {
  return adopted.loan != nullptr ? adopted.buffer : HotFailure(env, adopted.refusal);
}

// adopt(ticket) -> ArrayBuffer of the block's bytes | -status
napi_value Adopt(napi_env env, napi_callback_info info) {
  HotArguments arguments(env, info);
  double number = arguments.Double(0);
  if (!arguments.ok()) return arguments.Refuse();
  Adopted adopted = AdoptOne(env, number);
  EnterLoans(env, &adopted, 1);
  return ResultOf(env, adopted);
}

constexpr uint32_t kAdoptedMax = 32;

// adoptAll(tickets, count, results) -> 0. Puts into an array what `adopt` gives for each of the first tickets, at most 32.
// The array has that many elements already: setting them calls no setter of a prototype.
Napi::Value AdoptAll(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  size_t given = 0;
  const double *tickets = arguments.Doubles(0, &given);
  uint32_t count = arguments.Uint32(1);
  if (!arguments.ok() || count > given || count > kAdoptedMax || !arguments[2].IsArray()) {
    return arguments.Refuse();
  }
  Adopted all[kAdoptedMax];
  for (uint32_t i = 0; i < count; i++) all[i] = AdoptOne(env, tickets[i]);
  EnterLoans(env, all, count);
  for (uint32_t i = 0; i < count; i++) {
    napi_set_element(env, arguments[2], i, ResultOf(env, all[i]));
  }
  return Napi::Number::New(env, 0);
}

// release(ticket) -> 0 | -status. Detaches the ArrayBuffer of what this world has adopted by the ticket, and returns the
// letter, at once or when V8 has freed the bytes.
napi_value Release(napi_env env, napi_callback_info info) {
  HotArguments arguments(env, info);
  double number = arguments.Double(0);
  if (!arguments.ok()) return arguments.Refuse();
  Environment *environment = EnvironmentOf(env);
  uint64_t ticket = 0;
  Loan *loan = ReadTicket(number, &ticket) ? FindLoan(environment, ticket) : nullptr;
  if (loan == nullptr) return HotFailure(env, HK_BAD_TICKET);
  Napi::ArrayBuffer buffer = loan->buffer.Value();
  environment->stopped = false;
  Leaving leaving(environment, loan);
  if (IsAttached(buffer) && KeepLoanWarm(env, loan, buffer)) {
    EndLoan(loan);
    return HotInt32(env, 0);
  }
  // Moving it may have failed halfway.
  bool is_detached = !leaving.IsFreed() && IsAttached(buffer) && DetachBuffer(env, buffer);
  environment->interrupted = false;
  if (leaving.IsFreed()) return HotInt32(env, 0);
  if (is_detached) {
    loan->buffer.Reset();
    EndLoan(loan);
  } else if (!loan->released && !environment->stopped) {
    loan->buffer.Unref();
  }
  loan->released = true;
  return HotInt32(env, 0);
}

} // namespace

void DefineLetters(Napi::Object exports) {
  DefineHot<Offer>(exports, "offer");
  Define<Recall>(exports, "recall");
  DefineHot<TakeReturned>(exports, "takeReturned");
  DefineHot<Adopt>(exports, "adopt");
  Define<AdoptAll>(exports, "adoptAll");
  DefineHot<Release>(exports, "release");
}

} // namespace hakmem
