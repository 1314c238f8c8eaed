// wick.hpp against the fake model: owners close once and move, range-for gives every event, values come
// whole, lambdas are owned, errors arrive. Built with and without exceptions, and as C++20, where streams are
// ranges and coroutines wait for them.
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <unistd.h>
#include "../c/check.h"
#include "wick.hpp"
#include "wick_testing.h"

static_assert(!std::is_copy_constructible<wick::Stream>::value, "streams are not copied");
static_assert(std::is_nothrow_move_constructible<wick::Stream>::value, "streams are moved");

namespace {

const char *const REPLY = "Words that nobody learned.";

wick::Runtime make_runtime() {
  wick::Runtime runtime;
  wick::ErrorDetails error;
  CHECK_STATUS(wick::Runtime::create(wick::RuntimeOptions(), runtime, &error), WICK_OK);
  return runtime;
}

wick::Model make_model(wick::Runtime &runtime) {
  wick_model model = wick_model();
  wick::ModelOptions options;
  CHECK_STATUS(wick_testing_model_load(runtime.get(), wick::str("{\"reply\":\"Words that nobody learned.\"}"), &options, &model,
                                       nullptr, nullptr),
               WICK_OK);
  wick::Model owner(model);
  std::vector<std::uint32_t> ids;
  wick_status status = WICK_E_BUSY;
  while (status == WICK_E_BUSY) status = owner.tokenize(ids, wick::str("a")); // it loads
  CHECK_STATUS(status, WICK_OK);
  return owner;
}

wick::Session make_session(wick::Runtime &runtime) {
  wick::Session session;
  CHECK_STATUS(make_model(runtime).session(wick::SessionOptions(), session), WICK_OK);
  return session;
}

wick::Stream make_stream(wick::Session &session, const wick::Queue *queue = nullptr) {
  wick::GenerateOptions options;
  options.prompt = wick::str("Hi");
  if (queue) options.queue = queue->get();
  wick::Stream stream;
  CHECK_STATUS(session.generate(options, stream), WICK_OK);
  return stream;
}

void an_estimate_has_its_errors() {
  wick::Runtime runtime = make_runtime();
  wick::ModelOptions options;
  options.path = wick::str("no-such-model.gguf");
  wick::Estimate said;
  wick::ErrorDetails error;
  CHECK_STATUS(runtime.estimate(options, said, 0, 0, WICK_FOREVER, &error), WICK_E_IO);
  CHECK(said.total_bytes == 0 && std::string(error.message).find("no-such-model") != std::string::npos);
#ifndef WICK_NO_EXCEPTIONS
  bool thrown = false;
  try {
    runtime.estimate(options);
  } catch (const wick::Error &why) {
    thrown = why.code() == WICK_E_IO;
  }
  CHECK(thrown);
#endif
}

void range_for_gives_every_event() {
  wick::Runtime runtime = make_runtime();
  wick::Session session = make_session(runtime);
  wick::Stream stream = make_stream(session);
  std::string text;
  int ends = 0;
  for (const wick::Event &event : stream) {
    if (event.is_text()) text.append(event.text, event.text_len);
    if (event.is_end()) ends++;
    CHECK(!event.is_error());
  }
  CHECK(text == REPLY && ends == 1 && stream.last() == WICK_ENDED);
  for (const wick::Event &event : stream) CHECK(event.kind == 0); // nothing comes after the end
}

void an_answer_begins_as_the_host_says() {
  wick::Runtime runtime = make_runtime();
  wick::Session session = make_session(runtime);
  wick_message hi = wick::message(wick::str("user"), wick::str("Hi"));
  wick::GenerateOptions options;
  options.messages = &hi;
  options.message_count = 1;
  options.answer_prefix = wick::str("{\"name\": ");
  wick::Stream stream;
  CHECK_STATUS(session.generate(options, stream), WICK_OK);
  std::string text, json;
  for (const wick::Event &event : stream)
    if (event.is_text()) text.append(event.text, event.text_len);
  CHECK(text == std::string("{\"name\": ") + REPLY);
  CHECK_STATUS(session.messages(json), WICK_OK);
  CHECK(json.find("{\\\"name\\\": Words") != std::string::npos);
}

void a_session_is_saved_and_restored() {
  wick::Runtime runtime = make_runtime();
  wick::Model model = make_model(runtime);
  wick::Session session, back;
  CHECK_STATUS(model.session(wick::SessionOptions(), session), WICK_OK);
  for (const wick::Event &event : make_stream(session)) CHECK(!event.is_error());
  wick::StoreOptions file;
  const std::string path = "wrapper-" + std::to_string(getpid()) + ".wick"; // other builds of this run beside it
  file.path = wick::str(path.c_str());
  wick::Stream save, restore, warm;
  CHECK_STATUS(session.save(file, save), WICK_OK);
  for (const wick::Event &event : save) CHECK(!event.is_end() || event.end_reason == WICK_END_READY);
  CHECK_STATUS(model.restore(file, back, restore), WICK_OK);
  for (const wick::Event &event : restore) CHECK(!event.is_end() || event.end_reason == WICK_END_READY);
  std::vector<std::uint32_t> before, after;
  CHECK_STATUS(session.tokens(before), WICK_OK);
  CHECK_STATUS(back.tokens(after), WICK_OK);
  CHECK(before == after && !before.empty());
  CHECK_STATUS(model.warm(file, &warm), WICK_OK);
  for (const wick::Event &event : warm) CHECK(!event.is_end() || event.status == WICK_E_UNSUPPORTED); // without keys and values
  CHECK(std::remove(path.c_str()) == 0);
  CHECK_STATUS(model.warm(file), WICK_OK); // of which nobody hears
}

void a_queue_is_read_like_a_stream() {
  wick::Runtime runtime = make_runtime();
  wick::Session session = make_session(runtime);
  wick::Queue queue;
  CHECK_STATUS(runtime.queue(queue), WICK_OK);
  wick::Stream stream = make_stream(session, &queue);
  std::string text;
  for (const wick::Event &event : queue) {
    if (event.is_text()) text.append(event.text, event.text_len);
    if (event.is_end()) break;
  }
  CHECK(text == REPLY);
}

void a_queue_polls_unless_it_is_given_a_time() {
  wick::Runtime runtime = make_runtime();
  wick::Queue queue;
  CHECK_STATUS(runtime.queue(queue), WICK_OK);
  wick::Event event;
  CHECK_STATUS(queue.next(event), WICK_EMPTY);
  CHECK_STATUS(queue.next(event, 1000), WICK_EMPTY);
}

void values_come_whole_whatever_their_size() {
  wick::Runtime runtime = make_runtime();
  wick::Model model = make_model(runtime);
  std::string longer, back, json;
  for (int i = 0; i < 500; i++) longer += "word ";
  std::vector<std::uint32_t> ids;
  CHECK_STATUS(model.tokenize(ids, wick::str(longer), false), WICK_OK);
  CHECK_STATUS(model.detokenize(back, ids), WICK_OK);
  CHECK(back == longer && ids.size() > 256);
  std::size_t count = 0;
  CHECK_STATUS(model.count(count, wick::str(longer), false), WICK_OK);
  CHECK(count == ids.size());
  std::vector<wick_message> said(1, wick::message(wick::str("user"), wick::str(longer)));
  CHECK_STATUS(model.render(back, wick::Conversation(said)), WICK_OK);
  CHECK(back.find(longer) != std::string::npos);
  CHECK_STATUS(model.count(count, wick::Conversation(said)), WICK_OK);
  CHECK(count > ids.size());
  CHECK_STATUS(runtime.info(json), WICK_OK);
  CHECK(json[0] == '{' && json[json.size() - 1] == '}');
  CHECK_STATUS(model.info(json), WICK_OK);
  CHECK(json.find("\"ready\"") != std::string::npos);
  back = "kept";
  CHECK_STATUS(wick::Session().info(back), WICK_E_STALE_HANDLE);
  CHECK(back == "kept");
#ifndef WICK_NO_EXCEPTIONS
  CHECK(model.detokenize(model.tokenize(wick::str(longer), false)) == longer && runtime.info()[0] == '{');
  CHECK(model.session().info().find("\"idle\"") != std::string::npos);
#endif
#ifdef WICK_HAS_STRING_VIEW
  CHECK_STATUS(model.count(count, wick::str(std::string_view("ab", 1)), false), WICK_OK);
  CHECK(count == 1);
#endif
}

// Counts its copies that are alive.
struct Witness {
  static std::atomic<int> alive;
  Witness() { alive++; }
  Witness(const Witness &) { alive++; }
  ~Witness() { alive--; }
};
std::atomic<int> Witness::alive(0);

void a_lambda_is_owned_and_goes_once() {
  wick::Runtime runtime = make_runtime();
  wick::Session session = make_session(runtime);
  wick::Queue queue;
  CHECK_STATUS(runtime.queue(queue), WICK_OK);
  std::string said;
  bool ended = false;
  {
    Witness witness;
    wick::GenerateOptions options;
    options.prompt = wick::str("Hi");
    options.queue = queue.get();
    auto take = [&said, &ended, witness](const wick_event &event) {
      if (wick::is_text(event)) said += wick::text(event);
      ended = ended || wick::is_end(event);
    };
    CHECK_STATUS(session.generate(options, take), WICK_OK);
    int before = Witness::alive;
    options.logprobs = 2; // refused: what came with it goes in the call
    CHECK_STATUS(session.generate(options, take), WICK_E_INVALID_ARGUMENT);
    CHECK(Witness::alive == before);
  }
  CHECK(Witness::alive == 1); // the stream's
  while (!ended) CHECK(queue.dispatch() >= 0);
  CHECK(said == REPLY && Witness::alive == 0);
  wick::Stream stream;
  wick::GenerateOptions options;
  options.prompt = wick::str("Hi");
  options.queue = queue.get();
  {
    Witness witness;
    CHECK_STATUS(session.generate(options, [witness](const wick_event &) {}, &stream), WICK_OK);
  }
  CHECK(Witness::alive == 1);
  CHECK_STATUS(stream.close(), WICK_OK);
  CHECK(Witness::alive == 0);
}

void a_log_is_a_lambda_too() {
  {
    Witness witness;
    wick::Runtime runtime;
    auto log = [witness](int, const char *, std::size_t) {};
    CHECK_STATUS(wick::Runtime::create(wick::RuntimeOptions(), runtime, log, nullptr), WICK_OK);
  }
  CHECK(Witness::alive == 0);
}

#ifdef WICK_HAS_COROUTINES
static_assert(std::input_iterator<wick::Stream::iterator>, "a stream is a range");

// A coroutine that runs until it waits, and goes when it is done.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { abort(); }
  };
};

Detached collect(wick::Session &session, wick::Queue &queue, std::string &said, int &ends) {
  wick::GenerateOptions options;
  options.prompt = wick::str("Hi");
  wick::Events events;
  CHECK_STATUS(wick::Events::start(session, queue, options, events), WICK_OK);
  while (auto event = co_await events.next()) {
    if (event->kind == WICK_EVENT_TEXT) said += event->text;
    ends += event->kind == WICK_EVENT_END;
  }
  ends += 10;
}

void a_coroutine_waits_for_events() {
  wick::Runtime runtime = make_runtime();
  wick::Session session = make_session(runtime);
  wick::Queue queue;
  CHECK_STATUS(runtime.queue(queue), WICK_OK);
  std::string said;
  int ends = 0;
  collect(session, queue, said, ends);
  CHECK(said.empty()); // not before the queue is dispatched
  while (ends < 11) CHECK(queue.dispatch() >= 0);
  CHECK(said == REPLY && ends == 11);
}
#endif

void owners_move() {
  wick::Runtime runtime = make_runtime();
  wick::Session session = make_session(runtime);
  wick::Stream first = make_stream(session);
  wick_stream handle = first.get();
  wick::Stream second(std::move(first));
  CHECK(!first && second.get().id == handle.id);
  wick::Event event;
  while (second.next(event) == WICK_OK) {}
  first = std::move(second);
  CHECK(first && first.last() == WICK_OK);
  CHECK_STATUS(first.close(), WICK_OK);
  CHECK_STATUS(first.close(), WICK_OK); // empty now
  CHECK_STATUS(wick_stream_close(handle), WICK_E_STALE_HANDLE);
}

void a_fork_goes_on_by_itself() {
  wick::Runtime runtime = make_runtime();
  wick::Session session = make_session(runtime), twin;
  wick::Event event;
  for (wick::Stream stream = make_stream(session); stream.next(event) == WICK_OK;) {}
  CHECK_STATUS(session.fork(twin), WICK_OK);
  std::vector<std::uint32_t> ids, of_twin;
  CHECK_STATUS(session.tokens(ids), WICK_OK);
  CHECK_STATUS(session.close(), WICK_OK);
  CHECK_STATUS(twin.tokens(of_twin), WICK_OK);
  CHECK(ids.size() > 2 && ids == of_twin);
  for (wick::Stream stream = make_stream(twin); stream.next(event) == WICK_OK;) CHECK(event.end_reason != WICK_END_ERROR);
}

void a_failure_leaves_the_output_alone() {
  wick::Runtime runtime = make_runtime();
  wick::Session session;
  wick::Stream stream;
  wick::GenerateOptions options;
  wick::ErrorDetails error;
  options.prompt = wick::str("Hi");
  CHECK_STATUS(session.generate(options, stream, &error), WICK_E_STALE_HANDLE);
  CHECK(!stream && error.message[0] != 0);
#ifndef WICK_NO_EXCEPTIONS
  bool thrown = false;
  try {
    for (const wick::Event &event : stream) CHECK(event.kind == 0);
  } catch (const wick::Error &e) {
    thrown = e.code() == WICK_E_STALE_HANDLE && e.what()[0] != 0;
  }
  CHECK(thrown);
  thrown = false;
  try {
    session.generate(options);
  } catch (const wick::Error &e) {
    thrown = e.code() == WICK_E_STALE_HANDLE && strcmp(e.what(), error.message) == 0;
  }
  CHECK(thrown);
#else
  for (const wick::Event &event : stream) CHECK(event.kind == 0);
  CHECK(stream.last() == WICK_E_STALE_HANDLE);
#endif
}

void the_runtime_shuts_down_once() {
  wick::Runtime runtime = make_runtime();
  CHECK_STATUS(runtime.shutdown(WICK_FOREVER), WICK_OK);
  CHECK(!runtime);
  wick_runtime handle = wick_runtime();
  {
    wick::Runtime other = make_runtime();
    handle = other.get();
  }
  CHECK_STATUS(wick_runtime_pause(handle), WICK_E_STALE_HANDLE); // its destructor did it
}

} // namespace

#ifdef WICK_HAS_COROUTINES
#define WITH_COROUTINES TEST(a_coroutine_waits_for_events),
#else
#define WITH_COROUTINES
#endif
TESTS(WITH_COROUTINES TEST(an_estimate_has_its_errors), TEST(range_for_gives_every_event), TEST(an_answer_begins_as_the_host_says), TEST(a_session_is_saved_and_restored), TEST(a_queue_is_read_like_a_stream),
      TEST(a_queue_polls_unless_it_is_given_a_time), TEST(values_come_whole_whatever_their_size), TEST(a_lambda_is_owned_and_goes_once),
      TEST(a_log_is_a_lambda_too), TEST(owners_move), TEST(a_fork_goes_on_by_itself),
      TEST(a_failure_leaves_the_output_alone), TEST(the_runtime_shuts_down_once))
