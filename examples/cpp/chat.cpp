// Loads a model, asks it and streams the answer, with the C++ wrapper.
//
//   cargo build --release
//   c++ -std=c++11 -Wall -Wextra -Werror -pedantic -Iinclude examples/cpp/chat.cpp target/release/libwick.a -lm -o chat-cpp
//   ./chat-cpp models/SmolLM2-135M-Instruct.Q4_1.gguf "Hello, who are you?"
#include <iostream>
#include "wick.hpp"

static void chat(const char *path, const char *prompt) {
  wick::Runtime runtime = wick::Runtime::create();

  wick::ModelOptions model_options;
  model_options.path = wick::str(path);
  wick::Model model = runtime.load(model_options); // goes on while we go on
  wick::Session session = model.session();

  wick_message message = wick::message(wick::str("user"), wick::str(prompt));
  wick::GenerateOptions options;
  options.messages = &message;
  options.message_count = 1;
  options.max_tokens = 256;
  wick::Stream answer = session.generate(options);

  for (const wick::Event &event : answer) {
    if (event.is_text()) std::cout.write(event.text, static_cast<std::streamsize>(event.text_len)).flush();
    if (event.is_error()) throw wick::Error(event.status, event.text);
    if (event.is_end()) std::cerr << "\n\n" << event.stats.output_tokens << " tokens\n";
  }
} // the stream, session, model and runtime go, in this order

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: " << argv[0] << " MODEL [PROMPT]\n";
    return 2;
  }
  try {
    chat(argv[1], argc == 3 ? argv[2] : "Hello, who are you?");
  } catch (const wick::Error &error) {
    std::cerr << wick_status_name(error.code()) << ": " << error.what() << "\n";
    return 1;
  }
  return 0;
}
