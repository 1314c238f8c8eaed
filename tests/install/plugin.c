/* A plugin that holds wick inside: after dlclose its code must stay mapped. */
#define main wick_plugin_run
#include "program.c"
