// wick.h and wick.hpp below the macros of others: Unreal, Apple, X11, Qt, windows.h, curses, Catch. Each
// stands for what no compiler takes, so that one name that the headers use is enough to fail.
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if __cplusplus >= 201703L
#include <string_view>
#endif
#if __cplusplus >= 202002L
#include <coroutine>
#include <deque>
#include <memory>
#endif

// AssertMacros.h, and what Objective-C has.
#define check(...) @
#define check_noerr(...) @
#define check_string(...) @
#define require(...) @
#define require_noerr(...) @
#define require_string(...) @
#define verify(...) @
#define verify_noerr(...) @
#define nil @
#define Nil @
#define YES @
#define NO @
#define TARGET_OS_MAC @
// Unreal.
#define checkf(...) @
#define checkSlow(...) @
#define verifyf(...) @
#define ensure(...) @
#define ensureMsgf(...) @
#define TEXT(...) @
#define PI @
#define FORCEINLINE @
#define UPROPERTY(...) @
// X.h, Xlib.h.
#define None @
#define Status @
#define Bool @
#define True @
#define False @
#define Success @
#define Always @
#define Above @
#define Below @
#define Complex @
#define Convex @
#define Nonconvex @
#define Opposite @
#define Unsorted @
#define GrayScale @
#define KeyPress @
#define KeyRelease @
#define FocusIn @
#define FocusOut @
#define Expose @
#define CursorShape @
#define CurrentTime @
#define AllocNone @
// Qt, Boost, Catch, GoogleTest.
#define signals @
#define slots @
#define emit @
#define foreach(...) @
#define forever @
#define CHECK(...) @
#define REQUIRE(...) @
#define TEST(...) @
#define SECTION(...) @
#define INFO(...) @
#define FAIL(...) @
#define BOOST_FOREACH(...) @
// windows.h.
#define min(...) @
#define max(...) @
#define near @
#define far @
#define small @
#define hyper @
#define interface @
#define cdecl @
#define pascal @
#define IN @
#define OUT @
#define OPTIONAL @
#define CONST @
#define VOID @
#define ERROR @
#define NO_ERROR @
#define DELETE @
#define STRICT @
#define TRUE @
#define FALSE @
#define DOMAIN @
#define OVERFLOW @
#define UNDERFLOW @
#define IGNORE @
#define INFINITE @
#define Yield(...) @
#define GetMessage @
#define SendMessage @
#define GetObject @
#define LoadString @
#define CreateWindow @
#define DrawText @
#define RGB(...) @
// sys/sysmacros.h, curses.h, and names that many take.
#define major(...) @
#define minor(...) @
#define makedev(...) @
#define OK @
#define ERR @
#define LOG(...) @
#define DEBUG @
#define ASSERT(...) @
#define assert(...) @
#define UNUSED(...) @
#define MIN(...) @
#define MAX(...) @
#define ABS(...) @
#define BIT(...) @
#define byte @
#define uint @
#define linux @
#define unix @

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic error "-Wuseless-cast"
#endif
#ifdef __GNUC__
#pragma GCC diagnostic error "-Wold-style-cast"
#endif
#include "wick.h"
#include "wick.hpp"

int main() {
  wick::Stream stream;
  wick::GenerateOptions options;
  options.prompt = wick::str("Hi");
  return stream || wick_abi_version() != WICK_ABI_VERSION;
}
