/* The values of wick.hpp, which includes this: options, views of text, errors, events. Knows no handle. */
#ifndef WICK_VALUES_HPP
#define WICK_VALUES_HPP
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>
#include "wick.h"

#if !defined(WICK_NO_EXCEPTIONS) && !defined(__cpp_exceptions) && !defined(__EXCEPTIONS) && !defined(_CPPUNWIND)
#define WICK_NO_EXCEPTIONS 1
#endif
#ifndef WICK_NO_EXCEPTIONS
#include <exception>
#endif
#if __cplusplus >= 201703L || (defined(_MSVC_LANG) && _MSVC_LANG >= 201703L)
#include <string_view>
#define WICK_HAS_STRING_VIEW 1
#endif

namespace wick {

/* What does not fit is read as several events with `more` set. */
enum : std::size_t { READ_BYTES = 2048 };

/* ---------------------------------------------------------------- options */
/* The C structs, zeroed, their size filled in. */
namespace detail {
template <class T> struct Sized : T {
  Sized() : T() { this->struct_size = sizeof(T); }
};
} // namespace detail
struct RuntimeOptions : detail::Sized<wick_runtime_options> {
  RuntimeOptions() { abi_version = WICK_ABI_VERSION; }
};
using ModelOptions = detail::Sized<wick_model_options>;
using AdapterOptions = detail::Sized<wick_adapter_options>;
using SessionOptions = detail::Sized<wick_session_options>;
using GenerateOptions = detail::Sized<wick_generate_options>;
using EmbedOptions = detail::Sized<wick_embed_options>;
using StoreOptions = detail::Sized<wick_store_options>;
using Estimate = detail::Sized<wick_estimate>;
using ErrorDetails = detail::Sized<wick_error>;

/* Views: the text has to live until the call that takes it returns. */
inline wick_str str(const char *s) {
  wick_str view = {s, s ? SIZE_MAX : 0};
  return view;
}
inline wick_str str(const std::string &s) {
  wick_str view = {s.data(), s.size()};
  return view;
}
#ifdef WICK_HAS_STRING_VIEW
inline wick_str str(std::string_view s) {
  wick_str view = {s.data() ? s.data() : "", s.size()};
  return view;
}
#endif
inline wick_message message(wick_str role, wick_str content, wick_str extra_json = wick_str()) {
  wick_message m = {role, content, extra_json};
  return m;
}

/* ---------------------------------------------------------------- errors */
#ifndef WICK_NO_EXCEPTIONS
/* A status below zero, and why. */
class Error : public std::exception {
public:
  Error(wick_status status, const char *why) : details_() {
    details_.code = status;
    std::size_t n = 0;
    for (; why && why[n] && n + 1 < sizeof details_.message; n++) details_.message[n] = why[n];
    if (why && why[n])
      while (n && (static_cast<unsigned char>(why[n]) & 0xC0) == 0x80) n--; /* cut between code points */
    details_.message[n] = 0;
  }
  wick_status code() const noexcept { return details_.code; }
  /* The library's message, else the status' name. */
  const char *what() const noexcept override {
    return details_.message[0] ? details_.message : wick_status_name(details_.code);
  }

private:
  ErrorDetails details_;
};
#endif

namespace detail {
#ifndef WICK_NO_EXCEPTIONS
inline wick_status throw_if_failed(wick_status status, const char *why = nullptr) {
  if (status < 0) throw Error(status, why);
  return status;
}
/* What `fill(value, error)` gives. */
template <class T, class Fill> T or_throw(Fill fill) {
  T value = T();
  ErrorDetails error;
  wick_status status = fill(value, &error);
  throw_if_failed(status, error.code == status ? error.message : nullptr);
  return value;
}
#endif
/* The text that `call(buffer, bytes, needed)` gives, whatever its size. */
template <class Call> wick_status read_text(std::string &out, Call call) {
  std::string text(512, '\0');
  for (;;) {
    std::size_t needed = 0;
    wick_status status = call(&text[0], text.size(), &needed);
    if (status == WICK_E_BUFFER_TOO_SMALL) {
      text.resize(needed + 1);
      continue;
    }
    if (status != WICK_OK) return status;
    text.resize(needed);
    out.swap(text);
    return status;
  }
}
/* The ids that `call(buffer, count, needed)` gives, however many. */
template <class Call> wick_status read_ids(std::vector<std::uint32_t> &out, Call call) {
  std::vector<std::uint32_t> ids(256);
  for (;;) {
    std::size_t needed = 0;
    wick_status status = call(ids.data(), ids.size(), &needed);
    if (status != WICK_OK && status != WICK_E_BUFFER_TOO_SMALL) return status;
    ids.resize(needed);
    if (status != WICK_OK) continue;
    out.swap(ids);
    return status;
  }
}
} // namespace detail

/* ---------------------------------------------------------------- events */
inline bool is_text(const wick_event &event) noexcept { return event.kind == WICK_EVENT_TEXT; }
inline bool is_end(const wick_event &event) noexcept { return event.kind == WICK_EVENT_END; }
/* END (ERROR): `status` says which, `text` why. */
inline bool is_error(const wick_event &event) noexcept { return is_end(event) && event.end_reason == WICK_END_ERROR; }
inline std::string text(const wick_event &event) { return std::string(event.text, event.text_len); }
#ifdef WICK_HAS_STRING_VIEW
/* As long as the event's pointers are valid. */
inline std::string_view view(const wick_event &event) noexcept { return {event.text, event.text_len}; }
#endif
/* Its pointers lie in the reader's buffer, until its next read, its move or its end. */
struct Event : detail::Sized<wick_event> {
  bool is_text() const noexcept { return wick::is_text(*this); }
  bool is_end() const noexcept { return wick::is_end(*this); }
  bool is_error() const noexcept { return wick::is_error(*this); }
};

} // namespace wick
#endif
