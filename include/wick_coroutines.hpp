/* Events for C++20's coroutines. wick.hpp includes this; without coroutines it is empty. */
#ifndef WICK_COROUTINES_HPP
#define WICK_COROUTINES_HPP
#include "wick.hpp"
#if defined(__cpp_impl_coroutine) && defined(WICK_HAS_STRING_VIEW)
#include <coroutine>
#include <deque>
#include <memory>
#define WICK_HAS_COROUTINES 1

namespace wick {

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
 * coroutine is resumed inside the queue's dispatch, on the thread that calls it, as a callback is: [BLOCK]
 * and [EXCL] functions are refused there. One coroutine waits at a time. Goes, on that thread: cancelled and
 * forgotten. */
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

} // namespace wick
#endif
#endif
