// wick.hpp against the fake model: owners close once and move, range-for gives every event, errors arrive. Built with and without
// exceptions.
#include <string>
#include <type_traits>
#include <utility>
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

wick::Session make_session(wick::Runtime &runtime) {
  wick_model model = wick_model();
  wick::ModelOptions options;
  CHECK_STATUS(wick_testing_model_load(runtime.get(), wick::str("{\"reply\":\"Words that nobody learned.\"}"), &options, &model,
                                       nullptr, nullptr),
               WICK_OK);
  wick::Model owner(model);
  wick::Session session;
  CHECK_STATUS(owner.session(wick::SessionOptions(), session), WICK_OK);
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

TESTS(TEST(range_for_gives_every_event), TEST(a_queue_is_read_like_a_stream), TEST(owners_move),
      TEST(a_failure_leaves_the_output_alone), TEST(the_runtime_shuts_down_once))
