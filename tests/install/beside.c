/* wick and another Rust static library in one program: each has its own std, and both work. */
#include <stdint.h>
#define main wick_program
#include "program.c"
#undef main

int32_t neighbour_seven(void);

int main(void) { return neighbour_seven() == 7 ? wick_program() : 1; }
