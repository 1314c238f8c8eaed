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
 * holds its read buffer (wick::READ_BYTES) inside itself.
 *
 * wick_values.hpp and wick_coroutines.hpp come with it. */
#ifndef WICK_HPP
#define WICK_HPP
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>
#include "wick_values.hpp"

namespace wick {

/* ---------------------------------------------------------------- what owners are made of */
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
   * a read that fails throws; without, the loop ends and last() says why. With C++20 an input range. */
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
class Adapter : public detail::Owner<wick_adapter, wick_adapter_close> {
public:
  using Owner::Owner;
  wick_status info(std::string &json) const {
    return detail::read_text(json, [this](char *to, std::size_t cap, std::size_t *n) { return wick_adapter_info(get(), to, cap, n); });
  }
};

/* A conversation. Goes: a running generation is cancelled. */
class Session : public detail::Owner<wick_session, wick_session_close> {
public:
  using Owner::Owner;
  wick_status generate(const wick_generate_options &options, Stream &out, wick_error *error = nullptr) noexcept {
    return detail::own(out, wick_stream(), [&](wick_stream *at) { return wick_generate(get(), &options, at, error); });
  }
  /* Calls `callback(const wick_event &)` for every event: on a thread of the runtime or, with a queue, in its
   * dispatch. The stream closes itself after END; with `out` it is the caller's, to cancel it and to close
   * it. */
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
  wick_status set_adapter(wick_adapter adapter, float scale = 0, wick_error *error = nullptr) noexcept {
    return wick_session_set_adapter(get(), adapter, scale, error);
  }
  /* The session as it is now; it may go on, and go, at once. `out`: to be kept until its END. */
  wick_status save(const wick_store_options &options, Stream &out, wick_error *error = nullptr) const noexcept {
    return detail::own(out, wick_stream(), [&](wick_stream *at) { return wick_session_save(get(), &options, at, error); });
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
  Stream save(const wick_store_options &options) const {
    return detail::or_throw<Stream>([&](Stream &out, wick_error *error) { return save(options, out, error); });
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
  /* An adapter, which sessions may have at once. `load`: its PROGRESS and END, to be kept until then;
   * nullptr: nothing is told. */
  wick_status load_adapter(const wick_adapter_options &options, Adapter &out, Stream *load = nullptr, wick_error *error = nullptr) const noexcept {
    wick_stream stream = wick_stream();
    wick_status status = detail::own(out, wick_adapter(), [&](wick_adapter *at) {
      return wick_adapter_load(get(), &options, at, load ? &stream : nullptr, error);
    });
    if (status == WICK_OK && load) *load = Stream(stream);
    return status;
  }
  /* A session out of a save, which can be used at once. `restore`: its PROGRESS and END, to be kept until
   * then. */
  wick_status restore(const wick_store_options &options, Session &out, Stream &restore, wick_error *error = nullptr) const noexcept {
    wick_stream stream = wick_stream();
    wick_status status = detail::own(
        out, wick_session(), [&](wick_session *at) { return wick_session_restore(get(), &options, at, &stream, error); });
    if (status == WICK_OK) restore = Stream(stream);
    return status;
  }
  /* A save's keys and values become a prefix. `warm`: its PROGRESS and END, to be kept until then; nullptr:
   * nothing is told. */
  wick_status warm(const wick_store_options &options, Stream *warm = nullptr, wick_error *error = nullptr) const noexcept {
    if (!warm) return wick_model_warm(get(), &options, nullptr, error);
    return detail::own(*warm, wick_stream(), [&](wick_stream *at) { return wick_model_warm(get(), &options, at, error); });
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
  Session restore(const wick_store_options &options, Stream &restore) const {
    return detail::or_throw<Session>([&](Session &out, wick_error *error) { return this->restore(options, out, restore, error); });
  }
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
 * it before what is made from it. */
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
  /* What a model would take, by its header alone; context 0: the model's, sequences 0: 1. */
  wick_status estimate(const wick_model_options &options, wick_estimate &out, std::uint32_t context = 0, std::uint32_t sequences = 0,
                       std::uint64_t timeout_ns = WICK_FOREVER, wick_error *error = nullptr) noexcept {
    return wick_model_estimate(get(), &options, context, sequences, &out, timeout_ns, error);
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
  Estimate estimate(const wick_model_options &options, std::uint32_t context = 0, std::uint32_t sequences = 0) {
    return detail::or_throw<Estimate>([&](Estimate &out, wick_error *error) {
      return estimate(options, out, context, sequences, WICK_FOREVER, error);
    });
  }
  Queue queue() {
    return detail::or_throw<Queue>([this](Queue &out, wick_error *error) { return queue(out, error); });
  }
  std::string info() const {
    return detail::or_throw<std::string>([this](std::string &out, wick_error *) { return info(out); });
  }
#endif
};

} // namespace wick

#include "wick_coroutines.hpp"
#endif
