/* wick for C++11: owners of the handles of wick.h, and range-for over events; adds nothing that the C functions cannot do.
 *
 * Each owner is move-only, closes its handle when it goes, and is empty by default. `get()` is the C handle, for every function
 * that has no wrapper here; `release()` gives it up unclosed. Threads and blocking are those of the C function of the same name.
 *
 * Errors: every function that can fail returns a wick_status and takes an optional wick_error*. With exceptions there is also a
 * form without outputs in its signature that returns the result and throws wick::Error. Where the compiler has no exceptions
 * (-fno-exceptions), or WICK_NO_EXCEPTIONS is defined, only the first form exists.
 *
 * Nothing here allocates: a Stream or Queue holds its read buffer (wick::READ_BYTES) inside itself. */
#ifndef WICK_HPP
#define WICK_HPP
#include <cstddef>
#include <cstdint>
#include <string>
#include "wick.h"

#if !defined(WICK_NO_EXCEPTIONS) && !defined(__cpp_exceptions) && !defined(__EXCEPTIONS) && !defined(_CPPUNWIND)
#define WICK_NO_EXCEPTIONS 1
#endif
#ifndef WICK_NO_EXCEPTIONS
#include <exception>
#endif

namespace wick {

/* What does not fit is read as several events with `more` set. */
enum : std::size_t { READ_BYTES = 2048 };

/* ---------------------------------------------------------------- options: the C structs, zeroed, their size filled in */
struct RuntimeOptions : wick_runtime_options {
  RuntimeOptions() : wick_runtime_options() {
    struct_size = sizeof(wick_runtime_options);
    abi_version = WICK_ABI_VERSION;
  }
};
struct ModelOptions : wick_model_options {
  ModelOptions() : wick_model_options() { struct_size = sizeof(wick_model_options); }
};
struct SessionOptions : wick_session_options {
  SessionOptions() : wick_session_options() { struct_size = sizeof(wick_session_options); }
};
struct GenerateOptions : wick_generate_options {
  GenerateOptions() : wick_generate_options() { struct_size = sizeof(wick_generate_options); }
};
struct StoreOptions : wick_store_options {
  StoreOptions() : wick_store_options() { struct_size = sizeof(wick_store_options); }
};
struct ErrorDetails : wick_error {
  ErrorDetails() : wick_error() { struct_size = sizeof(wick_error); }
};

/* A view: the string has to live until the call that takes it returns. */
inline wick_str str(const char *s) { return wick_cstr(s); }
inline wick_str str(const std::string &s) {
  wick_str view = {s.data(), s.size()};
  return view;
}
inline wick_message message(wick_str role, wick_str content) {
  wick_message m = wick_message();
  m.role = role;
  m.content = content;
  return m;
}

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

namespace detail {
inline void check(wick_status status, const wick_error &error) {
  if (status < 0) throw Error(status, error.code == status ? error.message : nullptr);
}
inline wick_status check(wick_status status) {
  if (status < 0) throw Error(status, nullptr);
  return status;
}
} // namespace detail
#endif

/* ---------------------------------------------------------------- events */
/* Its pointers lie in the reader's buffer, until its next read, its move or its end. */
struct Event : wick_event {
  Event() : wick_event() { struct_size = sizeof(wick_event); }
  bool is_text() const noexcept { return kind == WICK_EVENT_TEXT; }
  bool is_end() const noexcept { return kind == WICK_EVENT_END; }
  /* END (ERROR): `status` says which, `text` why. */
  bool is_error() const noexcept { return is_end() && end_reason == WICK_END_ERROR; }
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
  wick_status close() noexcept { return handle_.id == 0 ? static_cast<wick_status>(WICK_OK) : Close(release()); }

private:
  H handle_;
};

/* Owns a stream or a queue, with the buffer that it is read into. */
template <class H, wick_status (*Close)(H), wick_status (*Next)(H, wick_event *, char *, std::size_t, std::uint64_t)>
class Reader : public Owner<H, Close> {
public:
  Reader() noexcept : last_(WICK_OK) {}
  explicit Reader(H handle) noexcept : Owner<H, Close>(handle), last_(WICK_OK) {}
  Reader(Reader &&other) noexcept : Owner<H, Close>(static_cast<Owner<H, Close> &&>(other)), last_(WICK_OK) {}
  Reader &operator=(Reader &&other) noexcept {
    Owner<H, Close>::operator=(static_cast<Owner<H, Close> &&>(other));
    last_ = WICK_OK;
    return *this;
  }

  /* WICK_OK: `event` is there; WICK_EMPTY: not within timeout_ns; WICK_ENDED: all was read; or an error. */
  wick_status next(Event &event, std::uint64_t timeout_ns = WICK_FOREVER) noexcept {
    return last_ = Next(this->get(), &event, buffer_, sizeof buffer_, timeout_ns);
  }
  /* What the last read returned: after a range-for WICK_ENDED, or the error that ended it. */
  wick_status last() const noexcept { return last_; }

  /* for (const wick::Event &event : stream): waits for each; the last of a stream is its END. With exceptions a read that
     fails throws; without, the loop ends and last() says why. */
  class iterator {
  public:
    explicit iterator(Reader *reader) : reader_(reader) { ++*this; }
    const Event &operator*() const noexcept { return reader_->event_; }
    const Event *operator->() const noexcept { return &reader_->event_; }
    iterator &operator++() {
      wick_status status = WICK_EMPTY;
      while (reader_ && status == WICK_EMPTY) status = reader_->next(reader_->event_); /* EMPTY: a wake */
#ifndef WICK_NO_EXCEPTIONS
      check(status);
#endif
      if (status != WICK_OK) reader_ = nullptr;
      return *this;
    }
    bool operator!=(const iterator &other) const noexcept { return reader_ != other.reader_; }

  private:
    Reader *reader_;
  };
  iterator begin() { return iterator(this); }
  iterator end() { return iterator(nullptr); }

private:
  Event event_;
  wick_status last_;
  char buffer_[READ_BYTES];
};

inline wick_status shutdown_forever(wick_runtime rt) { return wick_runtime_shutdown(rt, WICK_FOREVER); }

} // namespace detail

/* ---------------------------------------------------------------- streams and queues */
/* One answer, load, save or restore. Goes: cancelled and forgotten. */
class Stream : public detail::Reader<wick_stream, wick_stream_close, wick_stream_next> {
public:
  using Reader::Reader;
  wick_status cancel() noexcept { return wick_stream_cancel(get()); }
  wick_status note(wick_str text) noexcept { return wick_stream_note(get(), text); }
  wick_status stats(wick_stats &out) const noexcept { return wick_stream_stats(get(), &out); }
  wick_status os_handle(wick_os_handle &out) const noexcept { return wick_stream_os_handle(get(), &out); }
};

/* Many streams, one place to read. Goes: closes its streams. */
class Queue : public detail::Reader<wick_queue, wick_queue_close, wick_queue_next> {
public:
  using Reader::Reader;
  wick_status dispatch(std::uint32_t max_events, std::uint64_t budget_ns = 0) noexcept {
    return wick_queue_dispatch(get(), max_events, budget_ns);
  }
  wick_status wake() noexcept { return wick_queue_wake(get()); }
  wick_status os_handle(wick_os_handle &out) const noexcept { return wick_queue_os_handle(get(), &out); }
};

/* ---------------------------------------------------------------- sessions, models, the runtime */
/* A conversation. Goes: a running generation is cancelled. */
class Session : public detail::Owner<wick_session, wick_session_close> {
public:
  using Owner::Owner;
  wick_status generate(const wick_generate_options &options, Stream &out, wick_error *error = nullptr) noexcept {
    wick_stream stream = wick_stream();
    wick_status status = wick_generate(get(), &options, &stream, error);
    if (status == WICK_OK) out = Stream(stream);
    return status;
  }
  wick_status fork(Session &out, wick_error *error = nullptr) const noexcept {
    wick_session session = wick_session();
    wick_status status = wick_session_fork(get(), &session, error);
    if (status == WICK_OK) out = Session(session);
    return status;
  }
  wick_status clear() noexcept { return wick_session_clear(get()); }
  wick_status rewind(std::uint32_t token_count) noexcept { return wick_session_rewind(get(), token_count); }
#ifndef WICK_NO_EXCEPTIONS
  Stream generate(const wick_generate_options &options) {
    Stream stream;
    ErrorDetails error;
    detail::check(generate(options, stream, &error), error);
    return stream;
  }
  Session fork() const {
    Session session;
    ErrorDetails error;
    detail::check(fork(session, &error), error);
    return session;
  }
#endif
};

/* Goes: its sessions keep what they need. */
class Model : public detail::Owner<wick_model, wick_model_close> {
public:
  using Owner::Owner;
  wick_status keep_mapped() const noexcept { return wick_model_keep_mapped(get()); }
  wick_status session(const wick_session_options &options, Session &out, wick_error *error = nullptr) const noexcept {
    wick_session session = wick_session();
    wick_status status = wick_session_create(get(), &options, &session, error);
    if (status == WICK_OK) out = Session(session);
    return status;
  }
#ifndef WICK_NO_EXCEPTIONS
  Session session(const wick_session_options &options = SessionOptions()) const {
    Session session;
    ErrorDetails error;
    detail::check(this->session(options, session, &error), error);
    return session;
  }
#endif
};

/* Goes: shut down, waiting for its threads as long as it takes; for a deadline call shutdown() first. Declare it before what
   is made from it. */
class Runtime : public detail::Owner<wick_runtime, detail::shutdown_forever> {
public:
  using Owner::Owner;
  static wick_status create(const wick_runtime_options &options, Runtime &out, wick_error *error = nullptr) noexcept {
    wick_runtime runtime = wick_runtime();
    wick_status status = wick_runtime_create(&options, &runtime, error);
    if (status == WICK_OK) out = Runtime(runtime);
    return status;
  }
  /* `load`: its PROGRESS and END; nullptr: the outcome shows in the generations. */
  wick_status load(const wick_model_options &options, Model &out, Stream *load, wick_error *error = nullptr) noexcept {
    wick_model model = wick_model();
    wick_stream stream = wick_stream();
    wick_status status = wick_model_load(get(), &options, &model, load ? &stream : nullptr, error);
    if (status != WICK_OK) return status;
    out = Model(model);
    if (load) *load = Stream(stream);
    return status;
  }
  wick_status queue(Queue &out, wick_error *error = nullptr) noexcept {
    wick_queue queue = wick_queue();
    wick_status status = wick_queue_create(get(), &queue, error);
    if (status == WICK_OK) out = Queue(queue);
    return status;
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
#ifndef WICK_NO_EXCEPTIONS
  static Runtime create(const wick_runtime_options &options = RuntimeOptions()) {
    Runtime runtime;
    ErrorDetails error;
    detail::check(create(options, runtime, &error), error);
    return runtime;
  }
  Model load(const wick_model_options &options) {
    Model model;
    ErrorDetails error;
    detail::check(load(options, model, nullptr, &error), error);
    return model;
  }
  Queue queue() {
    Queue queue;
    ErrorDetails error;
    detail::check(this->queue(queue, &error), error);
    return queue;
  }
#endif
};

} // namespace wick
#endif
