// The fake model of a library with the feature `testing`.

'use strict';

const { library, koffi, abi, blank, check, text } = require('../lib/library.js');
const { Model } = require('../lib/index.js');

const { wick_runtime, wick_model, wick_str, wick_error } = abi.structs;
const load = library.func('wick_testing_model_load', 'int32_t', [
  wick_runtime, wick_str, 'void *', koffi.out(koffi.pointer(wick_model)), 'void *', koffi.inout(koffi.pointer(wick_error)),
]);

// A model that says what the script says.
exports.fake = function fake(runtime, script) {
  const out = {};
  const why = blank();
  check(load(runtime.handle, text(JSON.stringify(script)), null, out, null, why), why);
  return new Model(out, runtime);
};
