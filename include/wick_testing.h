/* wick's fake model, for the tests of wick and of its hosts: only in libraries built with the feature
 * `testing`. */
#ifndef WICK_TESTING_H
#define WICK_TESTING_H
#include "wick.h"
#ifdef __cplusplus
extern "C" {
#endif

/* [ANY] Loads the model that `script_json` describes: an object, every field of which may be left out, such
 * as {"reply":"Hello."}; src/testing/script.rs lists them. Of `options` (NULL: none) queue, on_event, user
 * and drop are used. Otherwise as wick_model_load. */
wick_status wick_testing_model_load(wick_runtime runtime, wick_str script_json, const wick_model_options *options, wick_model *out,
                                    wick_stream *load, wick_error *error);

/* [ANY] Lets `count` more tokens of a model with "gated":true through. */
wick_status wick_testing_release(wick_model model, uint64_t count);

#ifdef __cplusplus
}
#endif
#endif
