// The library: where it is, its functions as `C`, its errors. Knows no object of the upper layer.

'use strict';

const fs = require('fs');
const path = require('path');
const koffi = require('koffi');
const abi = require('./abi.js');

const NAMES = { win32: 'wick.dll', darwin: 'libwick.dylib' };

// Where WICK_LIBRARY says, then beside the package's files, then where the system looks.
function load() {
  const asked = process.env.WICK_LIBRARY;
  const name = NAMES[process.platform] ?? 'libwick.so';
  const beside = path.join(__dirname, '..', 'native', `${process.platform}-${process.arch}`, name);
  const from = asked || (fs.existsSync(beside) ? beside : name);
  try {
    return koffi.load(from);
  } catch (why) {
    throw new Error(`wick: no library: set WICK_LIBRARY to its path, or put it at ${beside} (${why.message})`);
  }
}

const library = load();
const version = library.func('wick_abi_version', 'uint32_t', [])();
if (version !== abi.abiVersion) {
  throw new Error(`wick: the library has ABI ${version}, this package is for ${abi.abiVersion}`);
}
const C = abi.bind(library);

const { status: STATUS } = abi.groups;

// What a call came to, or how a stream ended: `status` is the name in wick.h, such as 'WICK_E_IO'.
class WickError extends Error {
  constructor(status, message) {
    super(message);
    this.status = typeof status === 'string' ? status : C.status_name(status);
  }
}
WickError.prototype.name = 'WickError';

function wrong(message) {
  return new WickError('WICK_E_INVALID_ARGUMENT', `wick: ${message}`);
}

// A place for the details of an error.
function blank() {
  return { struct_size: abi.layout.wick_error.size };
}

// Raises what a call came to, unless it came to something; its status.
function check(status, why) {
  if (status < 0) throw new WickError(status, why?.message || 'the call was refused');
  return status;
}

// A string as a wick_str; null and undefined are absent ones.
function text(value) {
  if (value === undefined || value === null) return { ptr: null, len: 0 };
  const bytes = Buffer.from(value, 'utf8');
  // An empty buffer has no address, and would be an absent text.
  return { ptr: bytes.length > 0 ? bytes : Buffer.alloc(1), len: bytes.length };
}

// The whole of what a call writes: `call(buffer, cap, needed)`, in elements of `bytes` bytes each.
function whole(call, bytes = 1, first = 4096) {
  const needed = [0];
  for (let cap = first; ; cap = Number(needed[0]) + 1) {
    const buffer = Buffer.alloc(cap * bytes);
    const status = call(buffer, cap, needed);
    if (status !== STATUS.e_buffer_too_small) return status < 0 ? status : buffer.subarray(0, Number(needed[0]) * bytes);
  }
}

// A text that a call writes, raised if the call fails.
function written(call, why) {
  const got = whole(call);
  return typeof got === 'number' ? check(got, why) : got.toString('utf8');
}

// A list of ids that a call writes.
function ids(call, why, first) {
  const got = whole(call, 4, first);
  if (typeof got === 'number') return check(got, why);
  return Array.from(new Uint32Array(got.buffer.slice(got.byteOffset, got.byteOffset + got.length)));
}

module.exports = { C, STATUS, WickError, abi, blank, check, ids, koffi, library, text, written, wrong };
