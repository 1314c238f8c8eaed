// What program.c does, through wick.hpp; and that an error arrives as an exception.
#include <iostream>
#include "wick.hpp"

int main() {
  try {
    wick::RuntimeOptions options;
    options.mode = 77;
    wick::Runtime::create(options);
    return std::cerr << "mode 77 was accepted\n", 1;
  } catch (const wick::Error &error) {
    if (error.code() != WICK_E_INVALID_ARGUMENT) return std::cerr << error.what() << "\n", 1;
  }
  wick::Runtime runtime = wick::Runtime::create();
  if (runtime.shutdown(WICK_FOREVER) != WICK_OK || runtime) return std::cerr << "shutdown failed\n", 1;
  std::cout << "wick " << wick_version() << "\n";
}
