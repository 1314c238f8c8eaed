/* wick for C++11 and later: owners of the handles of wick.h, values in place of buffers, lambdas as
 * callbacks, range-for over events (C++20: ranges, and coroutines); adds nothing that the C functions cannot
 * do.
 *
 * Each owner is move-only, closes its handle when it goes, and is empty by default. `get()` is the C handle,
 * for every function that has no wrapper here; `release()` gives it up unclosed. Threads and blocking are
 * those of the C function of the same name.
 *
 * Errors: every function that can fail returns a wick_status and takes an optional wick_error*. With
 * exceptions there is also a form without outputs in its signature that returns the result and throws
 * wick::Error. Where the compiler has no exceptions (-fno-exceptions), or WICK_NO_EXCEPTIONS is defined, only
 * the first form exists.
 *
 * Allocated is only what is returned as a std::string or std::vector, and a lambda's copy. A Stream or Queue
 * holds its read buffer (wick::READ_BYTES) inside itself. */
#ifndef WICK_HPP
#define WICK_HPP
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <type_traits>
#include <utility>
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
#if defined(__cpp_impl_coroutine) && defined(WICK_HAS_STRING_VIEW)
#include <coroutine>
#include <deque>
#include <memory>
#define WICK_HAS_COROUTINES 1
#endif

namespace wick {

/* What does not fit is read as several events with `more` set. */
enum : std::size_t { READ_BYTES = 2048 };

/* ---------------------------------------------------------------- options: the C structs, zeroed, their size
 * filled in */
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

namespace detail {

/* Owns a handle that Close takes back. */
template <class H, wick_status (*Close)(H)> class Owner {
public:
  Owner() noexcept : handle_() {}
  explicit Owner(H handle) noexcept : handle_(handle) {}
  Owner(Owner &&other) noexcept : handle_(other.release()) {}
  Owner &operator=(Owner &&other) noexcept {
    if (this != &other) {
      close();
      handle_ = other.release();
    }
    return *this;
  }
  Owner(const Owner &) = delete;
  Owner &operator=(const Owner &) = delete;
  ~Owner() { close(); }

  H get() const noexcept { return handle_; }
  explicit operator bool() const noexcept { return handle_.id != 0; }
  H release() noexcept {
    H handle = handle_;
    handle_ = H();
    return handle;
  }
  /* An empty owner: WICK_OK. */
  wick_status close() noexcept {
    if (handle_.id == 0) return WICK_OK;
    return Close(release());
  }

private:
  H handle_;
};

/* Takes the handle that `make(&handle)` gives. */
template <class O, class H, class Make> wick_status own(O &out, H handle, Make make) {
  wick_status status = make(&handle);
  if (status == WICK_OK) out = O(handle);
  return status;
}

/* Owns a stream or a queue, with the buffer that it is read into. */
template <class H, wick_status (*Close)(H), wick_status (*Next)(H, wick_event *, char *, std::size_t, std::uint64_t)>
class Reader : public Owner<H, Close> {
public:
  Reader() noexcept : last_(WICK_OK) {}
  explicit Reader(H handle) noexcept : Owner<H, Close>(handle), last_(WICK_OK) {}
  Reader(Reader &&other) noexcept : Owner<H, Close>(std::move(other)), last_(WICK_OK) {}
  Reader &operator=(Reader &&other) noexcept {
    Owner<H, Close>::operator=(std::move(other));
    last_ = WICK_OK;
    return *this;
  }

  /* What the last read returned: after a range-for WICK_ENDED, or the error that ended it. */
  wick_status last() const noexcept { return last_; }

  /* for (const wick::Event &event : stream): waits for each; the last of a stream is its END. With exceptions
   * a read that
     fails throws; without, the loop ends and last() says why. With C++20 an input range. */
  class iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Event;
    using difference_type = std::ptrdiff_t;
    using pointer = const Event *;
    using reference = const Event &;
    iterator() noexcept : reader_(nullptr) {}
    explicit iterator(Reader *reader) : reader_(reader) { ++*this; }
    reference operator*() const noexcept { return reader_->event_; }
    pointer operator->() const noexcept { return &reader_->event_; }
    iterator &operator++() {
      wick_status status = WICK_EMPTY;
      while (reader_ && status == WICK_EMPTY) status = reader_->read(reader_->event_, WICK_FOREVER); /* EMPTY: a wake */
#ifndef WICK_NO_EXCEPTIONS
      throw_if_failed(status);
#endif
      if (status != WICK_OK) reader_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator &one, const iterator &other) noexcept { return one.reader_ == other.reader_; }
    friend bool operator!=(const iterator &one, const iterator &other) noexcept { return one.reader_ != other.reader_; }

  private:
    Reader *reader_;
  };
  iterator begin() { return iterator(this); }
  iterator end() { return iterator(); }

protected:
  wick_status read(Event &event, std::uint64_t timeout_ns) noexcept {
    return last_ = Next(this->get(), &event, buffer_, sizeof buffer_, timeout_ns);
  }

private:
  Event event_;
  wick_status last_;
  char buffer_[READ_BYTES];
};

inline wick_status shutdown_forever(wick_runtime rt) { return wick_runtime_shutdown(rt, WICK_FOREVER); }

/* A lambda as the callback of `options`, owned: its copy is destroyed by `drop`. An exception that leaves it
 * ends the program. */
template <class F> struct Callback {
  static void call(void *user, const wick_event *event) noexcept { (*static_cast<F *>(user))(*event); }
  static void log(void *user, std::int32_t level, const char *line, std::size_t bytes) noexcept {
    (*static_cast<F *>(user))(level, line, bytes);
  }
  static void drop(void *user) noexcept { delete static_cast<F *>(user); }
  template <class Options, class G> static void set(Options &options, G &&callback) {
    options.user = new F(std::forward<G>(callback));
    options.on_event = call;
    options.drop = drop;
  }
};
template <class Options, class G> void set_callback(Options &options, G &&callback) {
  Callback<typename std::decay<G>::type>::set(options, std::forward<G>(callback));
}

} // namespace detail

/* ---------------------------------------------------------------- streams and queues */
/* One answer, load, save or restore. Goes: cancelled and forgotten; of a load before its END: the load is
 * cancelled. */
class Stream : public detail::Reader<wick_stream, wick_stream_close, wick_stream_next> {
public:
  using Reader::Reader;
  /* WICK_OK: `event` is there; WICK_EMPTY: not within timeout_ns; WICK_ENDED: all was read; or an error. */
  wick_status next(Event &event, std::uint64_t timeout_ns = WICK_FOREVER) noexcept { return read(event, timeout_ns); }
  wick_status cancel() noexcept { return wick_stream_cancel(get()); }
  wick_status note(wick_str line) noexcept { return wick_stream_note(get(), line); }
  wick_status answer_now() noexcept { return wick_stream_answer_now(get()); }
  wick_status stats(wick_stats &out) const noexcept { return wick_stream_stats(get(), &out); }
  wick_status os_handle(wick_os_handle &out) const noexcept { return wick_stream_os_handle(get(), &out); }
#ifndef WICK_NO_EXCEPTIONS
  wick_stats stats() const {
    return detail::or_throw<wick_stats>([this](wick_stats &out, wick_error *) { return stats(out); });
  }
#endif
};

/* Many streams, one place to read. Goes: closes its streams. */
class Queue : public detail::Reader<wick_queue, wick_queue_close, wick_queue_next> {
public:
  using Reader::Reader;
  /* As Stream's, but polls unless it is given a time. */
  wick_status next(Event &event, std::uint64_t timeout_ns = 0) noexcept { return read(event, timeout_ns); }
  wick_status dispatch(std::uint32_t max_events = 0, std::uint64_t budget_ns = 0) noexcept {
    return wick_queue_dispatch(get(), max_events, budget_ns);
  }
  wick_status wake() noexcept { return wick_queue_wake(get()); }
  wick_status os_handle(wick_os_handle &out) const noexcept { return wick_queue_os_handle(get(), &out); }
};

/* ---------------------------------------------------------------- sessions, models, the runtime */
/* Goes: sessions keep what they need. */
using Adapter = detail::Owner<wick_adapter, wick_adapter_close>;

/* A conversation. Goes: a running generation is cancelled. */
class Session : public detail::Owner<wick_session, wick_session_close> {
public:
  using Owner::Owner;
  wick_status generate(const wick_generate_options &options, Stream &out, wick_error *error = nullptr) noexcept {
    return detail::own(out, wick_stream(), [&](wick_stream *at) { return wick_generate(get(), &options, at, error); });
  }
  /* Calls `callback(const wick_event &)` for every event: on a thread of the runtime or, with a queue, in its
   * dispatch. The stream closes
     itself after END; with `out` it is the caller's, to cancel it and to close it. */
  template <class F> wick_status generate(wick_generate_options options, F &&callback, Stream *out = nullptr, wick_error *error = nullptr) {
    detail::set_callback(options, std::forward<F>(callback));
    if (!out) return wick_generate(get(), &options, nullptr, error);
    return generate(static_cast<const wick_generate_options &>(options), *out, error);
  }
  wick_status fork(Session &out, wick_error *error = nullptr) const noexcept {
    return detail::own(out, wick_session(), [&](wick_session *at) { return wick_session_fork(get(), at, error); });
  }
  wick_status clear() noexcept { return wick_session_clear(get()); }
  wick_status rewind(std::uint32_t token_count) noexcept { return wick_session_rewind(get(), token_count); }
  wick_status keep(std::size_t bytes) noexcept { return wick_session_keep(get(), bytes); }
  wick_status set_system(wick_str system, wick_error *error = nullptr) noexcept {
    return wick_session_set_system(get(), system, error);
  }
  wick_status info(std::string &json) const {
    return detail::read_text(json, [this](char *to, std::size_t cap, std::size_t *n) { return wick_session_info(get(), to, cap, n); });
  }
  wick_status messages(std::string &json) const {
    return detail::read_text(json, [this](char *to, std::size_t cap, std::size_t *n) { return wick_session_messages(get(), to, cap, n); });
  }
  wick_status tokens(std::vector<std::uint32_t> &ids) const {
    return detail::read_ids(ids, [this](std::uint32_t *to, std::size_t cap, std::size_t *n) { return wick_session_tokens(get(), to, cap, n); });
  }
#ifndef WICK_NO_EXCEPTIONS
  Stream generate(const wick_generate_options &options) {
    return detail::or_throw<Stream>([&](Stream &out, wick_error *error) { return generate(options, out, error); });
  }
  Session fork() const {
    return detail::or_throw<Session>([this](Session &out, wick_error *error) { return fork(out, error); });
  }
  std::string info() const {
    return detail::or_throw<std::string>([this](std::string &out, wick_error *) { return info(out); });
  }
  std::string messages() const {
    return detail::or_throw<std::string>([this](std::string &out, wick_error *) { return messages(out); });
  }
  std::vector<std::uint32_t> tokens() const {
    return detail::or_throw<std::vector<std::uint32_t>>([this](std::vector<std::uint32_t> &out, wick_error *) { return tokens(out); });
  }
#endif
};

/* A conversation for the chat template. */
struct Conversation {
  const wick_message *messages;
  std::size_t count;
  bool add_generation_prompt;
  wick_str tools_json, template_json;
  Conversation(const wick_message *first, std::size_t how_many, bool opens_answer = true)
      : messages(first), count(how_many), add_generation_prompt(opens_answer), tools_json(), template_json() {}
  explicit Conversation(const std::vector<wick_message> &all, bool opens_answer = true)
      : Conversation(all.data(), all.size(), opens_answer) {}
};

/* Goes: its sessions keep what they need. */
class Model : public detail::Owner<wick_model, wick_model_close> {
public:
  using Owner::Owner;
  wick_status keep_mapped() const noexcept { return wick_model_keep_mapped(get()); }
  wick_status session(const wick_session_options &options, Session &out, wick_error *error = nullptr) const noexcept {
    return detail::own(out, wick_session(), [&](wick_session *at) { return wick_session_create(get(), &options, at, error); });
  }
  wick_status info(std::string &json) const {
    return detail::read_text(json, [this](char *to, std::size_t cap, std::size_t *n) { return wick_model_info(get(), to, cap, n); });
  }
  wick_status tokenize(std::vector<std::uint32_t> &ids, wick_str given, bool add_special = true, bool parse_special = false,
                       wick_error *error = nullptr) const {
    return detail::read_ids(ids, [&](std::uint32_t *to, std::size_t cap, std::size_t *n) {
      return wick_model_tokenize(get(), given, add_special, parse_special, to, cap, n, error);
    });
  }
  wick_status detokenize(std::string &out, const std::vector<std::uint32_t> &ids, bool special = false, wick_error *error = nullptr) const {
    return detail::read_text(out, [&](char *to, std::size_t cap, std::size_t *n) {
      return wick_model_detokenize(get(), ids.data(), ids.size(), special, to, cap, n, error);
    });
  }
  wick_status render(std::string &out, const Conversation &said, wick_error *error = nullptr) const {
    return detail::read_text(out, [&](char *to, std::size_t cap, std::size_t *n) {
      return wick_model_render(get(), said.messages, said.count, said.tools_json, said.template_json, said.add_generation_prompt, to, cap, n, error);
    });
  }
  wick_status count(std::size_t &out, wick_str given, bool add_special = true, bool parse_special = false, wick_error *error = nullptr) const {
    return wick_model_count_tokens(get(), given, add_special, parse_special, &out, error);
  }
  wick_status count(std::size_t &out, const Conversation &said, wick_error *error = nullptr) const {
    return wick_model_count_messages(get(), said.messages, said.count, said.tools_json, said.template_json, said.add_generation_prompt, &out, error);
  }
#ifndef WICK_NO_EXCEPTIONS
  Session session(const wick_session_options &options = SessionOptions()) const {
    return detail::or_throw<Session>([&](Session &out, wick_error *error) { return session(options, out, error); });
  }
  std::string info() const {
    return detail::or_throw<std::string>([this](std::string &out, wick_error *) { return info(out); });
  }
  std::vector<std::uint32_t> tokenize(wick_str given, bool add_special = true, bool parse_special = false) const {
    return detail::or_throw<std::vector<std::uint32_t>>(
        [&](std::vector<std::uint32_t> &out, wick_error *error) { return tokenize(out, given, add_special, parse_special, error); });
  }
  std::string detokenize(const std::vector<std::uint32_t> &ids, bool special = false) const {
    return detail::or_throw<std::string>([&](std::string &out, wick_error *error) { return detokenize(out, ids, special, error); });
  }
  std::string render(const Conversation &said) const {
    return detail::or_throw<std::string>([&](std::string &out, wick_error *error) { return render(out, said, error); });
  }
  std::size_t count(wick_str given, bool add_special = true, bool parse_special = false) const {
    return detail::or_throw<std::size_t>(
        [&](std::size_t &out, wick_error *error) { return count(out, given, add_special, parse_special, error); });
  }
  std::size_t count(const Conversation &said) const {
    return detail::or_throw<std::size_t>([&](std::size_t &out, wick_error *error) { return count(out, said, error); });
  }
#endif
};

/* Goes: shut down, waiting for its threads as long as it takes; for a deadline call shutdown() first. Declare
 * it before what
   is made from it. */
class Runtime : public detail::Owner<wick_runtime, detail::shutdown_forever> {
public:
  using Owner::Owner;
  static wick_status create(const wick_runtime_options &options, Runtime &out, wick_error *error = nullptr) noexcept {
    return detail::own(out, wick_runtime(), [&](wick_runtime *at) { return wick_runtime_create(&options, at, error); });
  }
  /* With `log(level, text, bytes)` for its log lines; on any thread, also at once. */
  template <class F> static wick_status create(wick_runtime_options options, Runtime &out, F &&log, wick_error *error) {
    using Log = detail::Callback<typename std::decay<F>::type>;
    options.log_user = new typename std::decay<F>::type(std::forward<F>(log));
    options.log = Log::log;
    options.log_drop = Log::drop;
    return create(static_cast<const wick_runtime_options &>(options), out, error);
  }
  /* `load`: its PROGRESS and END, to be kept until then; nullptr: the outcome shows in the generations. */
  wick_status load(const wick_model_options &options, Model &out, Stream *load, wick_error *error = nullptr) noexcept {
    wick_stream stream = wick_stream();
    wick_status status = detail::own(
        out, wick_model(), [&](wick_model *at) { return wick_model_load(get(), &options, at, load ? &stream : nullptr, error); });
    if (status == WICK_OK && load) *load = Stream(stream);
    return status;
  }
  wick_status queue(Queue &out, wick_error *error = nullptr) noexcept {
    return detail::own(out, wick_queue(), [&](wick_queue *at) { return wick_queue_create(get(), at, error); });
  }
  /* WICK_E_TIMEOUT: not all threads joined yet, call again. */
  wick_status shutdown(std::uint64_t timeout_ns) noexcept {
    wick_status status = wick_runtime_shutdown(get(), timeout_ns);
    if (status == WICK_OK) release();
    return status;
  }
  wick_status step(std::uint64_t budget_ns, std::uint64_t *next_wake_ns = nullptr) noexcept {
    return wick_runtime_step(get(), budget_ns, next_wake_ns);
  }
  wick_status pause() noexcept { return wick_runtime_pause(get()); }
  wick_status resume() noexcept { return wick_runtime_resume(get()); }
  wick_status trim() noexcept { return wick_runtime_trim(get()); }
  wick_status set_pace(std::uint32_t percent) noexcept { return wick_runtime_set_pace(get(), percent); }
  wick_status info(std::string &json) const {
    return detail::read_text(json, [this](char *to, std::size_t cap, std::size_t *n) { return wick_runtime_info(get(), to, cap, n); });
  }
#ifndef WICK_NO_EXCEPTIONS
  static Runtime create(const wick_runtime_options &options = RuntimeOptions()) {
    return detail::or_throw<Runtime>([&](Runtime &out, wick_error *error) { return create(options, out, error); });
  }
  Model load(const wick_model_options &options, Stream *load = nullptr) {
    return detail::or_throw<Model>([&](Model &out, wick_error *error) { return this->load(options, out, load, error); });
  }
  Queue queue() {
    return detail::or_throw<Queue>([this](Queue &out, wick_error *error) { return queue(out, error); });
  }
  std::string info() const {
    return detail::or_throw<std::string>([this](std::string &out, wick_error *) { return info(out); });
  }
#endif
};

#ifdef WICK_HAS_COROUTINES
/* ---------------------------------------------------------------- coroutines (C++20) */
/* An event that owns what it points to. */
struct OwnedEvent {
  std::uint16_t kind, end_reason, channel;
  wick_status status;
  std::uint64_t done, total;
  float logprob;
  wick_stats stats;
  std::string text;
  std::vector<std::uint32_t> tokens;
  explicit OwnedEvent(const wick_event &event)
      : kind(event.kind), end_reason(event.end_reason), channel(event.channel), status(event.status), done(event.done),
        total(event.total), logprob(event.logprob), stats(event.stats), text(event.text, event.text_len),
        tokens(event.tokens, event.tokens + event.token_count) {}
};

/* A generation for a coroutine: `while (auto event = co_await events.next()) …`, false after END. The
 * coroutine is resumed inside the queue's
   dispatch, on the thread that calls it, as a callback is: [BLOCK] and [EXCL] functions are refused there. One coroutine waits at a time.
   Goes, on that thread: cancelled and forgotten. */
class Events {
  struct State {
    std::deque<OwnedEvent> unread;
    std::coroutine_handle<> waiting;
    bool ended = false;
  };

public:
  class Next {
  public:
    explicit Next(State *state) : state_(state) {}
    bool await_ready() const noexcept { return !state_->unread.empty() || state_->ended; }
    void await_suspend(std::coroutine_handle<> waiting) noexcept { state_->waiting = waiting; }
    std::unique_ptr<OwnedEvent> await_resume() {
      if (state_->unread.empty()) return nullptr;
      auto event = std::make_unique<OwnedEvent>(std::move(state_->unread.front()));
      state_->unread.pop_front();
      return event;
    }

  private:
    State *state_;
  };
  Next next() { return Next(state_.get()); }
  Stream &stream() { return stream_; }

  static wick_status start(Session &session, const Queue &queue, wick_generate_options options, Events &out, wick_error *error = nullptr) {
    auto state = std::make_shared<State>();
    options.queue = queue.get();
    wick_status status = session.generate(
        options,
        [state](const wick_event &event) {
          state->unread.emplace_back(event);
          state->ended = is_end(event);
          if (auto waiting = std::exchange(state->waiting, nullptr)) waiting.resume();
        },
        &out.stream_, error);
    if (status == WICK_OK) out.state_ = std::move(state);
    return status;
  }

private:
  std::shared_ptr<State> state_ = std::make_shared<State>();
  Stream stream_;
};
#endif

} // namespace wick
#endif
