-- wick for LuaJIT: models, conversations, and streams that a loop polls and never waits for (docs/lua.md).
--
-- Everything here belongs to the Lua state that made it, and nothing calls back into Lua: events are read. What
-- is no longer used is closed by the garbage collector, which never waits; `close` does it at once.

local ffi = require "ffi"
local abi = require "wick.abi"
local options = require "wick.options"

local wick = { forever = abi.FOREVER }

local function load()
  local asked = os.getenv("WICK_LIBRARY")
  if asked and asked ~= "" then return ffi.load(asked) end
  -- Beside this module, as packages have it, then where the system looks.
  local names = { Windows = "wick.dll", OSX = "libwick.dylib" }
  local here = debug.getinfo(1, "S").source:match("^@(.*[/\\])") or "./"
  local beside, library = pcall(ffi.load, here .. (names[ffi.os] or "libwick.so"))
  if beside then return library end
  local found, why = pcall(ffi.load, "wick")
  if found then return why end
  error(("wick: no library: set WICK_LIBRARY to its path, or put it beside %sinit.lua (%s)"):format(here, why), 0)
end
local C = load()

if C.wick_abi_version() ~= abi.abi_version then
  error(("wick: the library has ABI %d, this module is for %d"):format(tonumber(C.wick_abi_version()), abi.abi_version), 0)
end

-- ---- errors

local Error = {}
Error.__index = Error
Error.__tostring = function(self) return ("%s: %s"):format(self.status, self.message) end

local function fail(status, message)
  return setmetatable({ status = ffi.string(C.wick_status_name(status)), message = message }, Error)
end

-- Raises what a call came to, unless it came to something; its status.
local function check(status, why, what)
  if status >= 0 then return status end
  local message = why and ffi.string(why.message) or ""
  error(fail(status, message ~= "" and message or what or "the call was refused"), 0)
end

local function blank()
  local why = ffi.new("wick_error")
  why.struct_size = ffi.sizeof("wick_error")
  return why
end

-- What a call was given by address had to live until here.
local function release(anchors) anchors[1] = nil end

-- ---- what all handles have in common

-- A class whose objects own a handle: `closes` lets go of it.
local function class(closes)
  local kind = {}
  kind.__index = kind
  -- Lets go of it now; later calls fail with WICK_E_STALE_HANDLE. Never waits.
  function kind:close()
    if self.open then
      self.open = false
      ffi.gc(self.handle, nil)
      closes(self.handle)
    end
  end
  return kind
end

local function own(kind, handle, closes, parent)
  return setmetatable({ handle = ffi.gc(handle, closes), open = true, parent = parent }, kind)
end

-- The whole of a text that a call writes into a buffer: `call(buf, cap, needed)`.
local function whole(call)
  local needed = ffi.new("size_t[1]")
  local cap = 4096
  while true do
    local buf = ffi.new("char[?]", cap)
    local status = call(buf, cap, needed)
    if status ~= abi.groups.status.e_buffer_too_small then
      check(status)
      return ffi.string(buf, needed[0])
    end
    cap = tonumber(needed[0]) + 1
  end
end

local function close_stream(handle) C.wick_stream_close(handle) end
local function close_session(handle) C.wick_session_close(handle) end
local function close_model(handle) C.wick_model_close(handle) end
local function close_adapter(handle) C.wick_adapter_close(handle) end
-- At the state's end too: threads are joined before the library is unloaded. Cancelled streams end within a
-- slice; five seconds are for a machine that does something else.
local function shut_down(handle) C.wick_runtime_shutdown(handle, 5000000000ULL) end

local Stream, Session = class(close_stream), class(close_session)
local Model, Adapter, Runtime = class(close_model), class(close_adapter), class(shut_down)

-- ---- streams

-- One for all: events are copied before the next is read.
local BYTES = 16384
local buf = ffi.new("char[?]", BYTES)
local ev = ffi.new("wick_event")

local function nanoseconds(seconds)
  if seconds == nil or seconds == math.huge then return abi.FOREVER end
  return ffi.cast("uint64_t", math.max(seconds, 0) * 1e9)
end

local STATS = {}
for _, field in ipairs(abi.layout.wick_stats) do
  if field[1] ~= "reserved" then STATS[#STATS + 1] = field[1] end
end

local function stats_of(stats)
  local out = {}
  for _, name in ipairs(STATS) do out[name] = tonumber(stats[name]) end
  -- A seed has 64 bits.
  out.seed = stats.seed
  return out
end

-- Lists of an event, whole or a part: added to what is there.
local function append(list, values, count)
  list = list or {}
  for at = 0, count - 1 do list[#list + 1] = values[at] end
  return list
end

-- Adds what was read to `event`, an event's beginning, or begins one.
local function take(event)
  local kind = abi.groups.event[ev.kind] or "unknown"
  local text = ffi.string(ev.text, ev.text_len)
  if not event then
    event = { kind = kind, text = "", seconds = tonumber(ev.time_ns) / 1e9, seq = tonumber(ev.seq) }
    if kind == "text" then event.channel = abi.groups.channel[ev.channel] or "unknown" end
    if kind == "note" then event.source = abi.groups.note[ev.channel] or "unknown" end
    if kind == "progress" or kind == "vector" then event.done, event.total = tonumber(ev.done), tonumber(ev.total) end
  end
  event.text = event.text .. text
  if kind == "text" then
    event.tokens = append(event.tokens, ev.tokens, ev.token_count)
    if ev.logprob == ev.logprob then event.logprob = ev.logprob end
    for at = 0, ev.alternative_count - 1 do
      event.alternatives = event.alternatives or {}
      local one = ev.alternatives[at]
      event.alternatives[at + 1] = { token = one.token, logprob = one.logprob }
    end
  elseif kind == "vector" then
    event.values = append(event.values, ev.values, ev.value_count)
  elseif kind == "end" then
    event.reason = abi.groups["end"][ev.end_reason] or "unknown"
    event.stats = stats_of(ev.stats)
    if ev.status < 0 then event.error = fail(ev.status, text) end
  end
  return event
end

-- The next event, or nil: nothing came within `seconds` (0: only what is there; nil: as long as it takes), or
-- all of it was read. See `ended`. An event:
--   kind      "started", "progress", "text", "note", "tool_call", "vector", "end"
--   text      of a text or note; the JSON of a call; of an end the stop string or what is wrong
--   channel   of a text: "answer", "reasoning", "tool"; source of a note: "host", "library"
--   tokens    of a text: the ids behind it; logprob, alternatives where they were asked for
--   done, total   of progress (bytes or tokens) and of a vector (which text, of how many); values: the vector
--   reason    of an end: "stop", "length", "ready", "cancelled", "error", …; stats; error (status, message)
--   seconds   since the stream was started
function Stream:next(seconds)
  if self.ended then return nil end
  local event
  repeat
    ev.struct_size = ffi.sizeof("wick_event")
    local status = C.wick_stream_next(self.handle, ev, buf, BYTES, event and abi.FOREVER or nanoseconds(seconds))
    check(status, nil, "the stream is closed, or its runtime is shut down")
    if status ~= abi.groups.status.ok then return nil end
    event = take(event)
  until ev.more == 0
  if event.kind == "end" then self.ended = event end
  return event
end

-- for event in stream:poll() do: the events that are there. Never waits.
function Stream:poll()
  return function() return self:next(0) end
end

-- for event in stream:events() do: all events up to the end, as they come. Waits.
function Stream:events()
  return function() return self:next() end
end

-- The whole answer. Waits; raises the error of an end with one. The end is the second result.
function Stream:text()
  local parts = {}
  for event in self:events() do
    if event.kind == "text" and event.channel == "answer" then parts[#parts + 1] = event.text end
  end
  if self.ended and self.ended.error then error(self.ended.error, 0) end
  return table.concat(parts), self.ended
end

-- Waits for the end, which is the result; raises its error, if it has one.
function Stream:wait()
  local _, ended = self:text()
  return ended
end

-- Asks for the end: it comes as "cancelled". Never waits.
function Stream:cancel() check(C.wick_stream_cancel(self.handle)) end

-- Ends the thinking here: the answer begins.
function Stream:answer_now() check(C.wick_stream_answer_now(self.handle)) end

-- Puts a note of the host's among the events.
function Stream:note(text)
  local value = ffi.new("wick_str")
  options.text(value, text)
  check(C.wick_stream_note(self.handle, value))
end

-- The figures as of now.
function Stream:stats()
  local stats = ffi.new("wick_stats")
  check(C.wick_stream_stats(self.handle, stats))
  return stats_of(stats)
end

-- A stream, begun by `call(out, why)`.
local function start(parent, anchors, call)
  local out, why = ffi.new("wick_stream[1]"), blank()
  local status = call(out, why)
  release(anchors)
  check(status, why)
  return own(Stream, ffi.new("wick_stream", out[0]), close_stream, parent)
end

-- What a file becomes, an object of `kind`, and the stream that says when it is there: begun by
-- `call(options, out, stream, why)`.
local function arrive(parent, kind, handle, closes, struct, path, given, call)
  local out, stream, why, anchors = ffi.new(handle .. "[1]"), ffi.new("wick_stream[1]"), blank(), { path }
  local from = options.new(struct, given or {}, anchors)
  options.text(from.path, path)
  local status = call(from, out, stream, why)
  release(anchors)
  check(status, why)
  return own(kind, ffi.new(handle, out[0]), closes, parent),
    own(Stream, ffi.new("wick_stream", stream[0]), close_stream, parent)
end

-- ---- sessions

-- A generation. `input`: a string is what the user says; a list of messages { role =, content =, extra_json = };
-- nil: goes on where the session ended, or with `prompt` or `prompt_tokens` in `given`. `given`: the fields of
-- wick_generate_options and wick_sampling by their names; names of constants in lower case
-- (cut = "sentence"). Returns at once.
function Session:generate(input, given)
  local anchors = {}
  local go = options.new("wick_generate_options", given, anchors)
  if input ~= nil then go.messages, go.message_count = options.messages(input, anchors) end
  return start(self, anchors, function(out, why) return C.wick_generate(self.handle, go, out, why) end)
end

-- Another one that goes on from here; what was computed is shared.
function Session:fork()
  local out, why = ffi.new("wick_session[1]"), blank()
  check(C.wick_session_fork(self.handle, out, why), why)
  return own(Session, ffi.new("wick_session", out[0]), close_session, self.parent)
end

-- Back to a place: `stats.session_tokens` of an end.
function Session:rewind(tokens) check(C.wick_session_rewind(self.handle, tokens)) end

-- Of the last answer only the first `bytes` were heard.
function Session:keep(bytes) check(C.wick_session_keep(self.handle, bytes)) end

-- Forgets all but the system message.
function Session:clear() check(C.wick_session_clear(self.handle)) end

-- Another persona, from the next turn on.
function Session:set_system(text)
  local value, why = ffi.new("wick_str"), blank()
  options.text(value, text)
  check(C.wick_session_set_system(self.handle, value, why), why)
end

-- Its state, and its messages, as JSON.
function Session:info() return whole(function(...) return C.wick_session_info(self.handle, ...) end) end
function Session:messages() return whole(function(...) return C.wick_session_messages(self.handle, ...) end) end

-- Saves it into a file, which is the old or the new one whatever happens: a stream that ends as "ready".
-- `given`: with_kv = true, and the adapter that it has.
function Session:save(path, given)
  local anchors = { path }
  local store = options.new("wick_store_options", given or {}, anchors)
  options.text(store.path, path)
  return start(self, anchors, function(out, why) return C.wick_session_save(self.handle, store, out, why) end)
end

-- ---- models

-- A conversation. `given`: the fields of wick_session_options (system, context_length, overflow = "roll", …).
function Model:session(given)
  local out, why, anchors = ffi.new("wick_session[1]"), blank(), {}
  local made = options.new("wick_session_options", given, anchors)
  local status = C.wick_session_create(self.handle, made, out, why)
  release(anchors)
  check(status, why)
  return own(Session, ffi.new("wick_session", out[0]), close_session, self)
end

-- A session from its save, and the stream that says when it is there. It can be used at once.
function Model:restore(path, given)
  return arrive(self, Session, "wick_session", close_session, "wick_store_options", path, given,
    function(...) return C.wick_session_restore(self.handle, ...) end)
end

-- A voice or character on these weights: the adapter, and the stream of its load.
function Model:adapter(path)
  return arrive(self, Adapter, "wick_adapter", close_adapter, "wick_adapter_options", path, nil,
    function(...) return C.wick_adapter_load(self.handle, ...) end)
end

-- A stream of the vectors of a list of texts.
function Model:embed(texts, given)
  local anchors = { texts }
  local list = ffi.new("wick_str[?]", math.max(#texts, 1))
  for at, text in ipairs(texts) do options.text(list[at - 1], text) end
  local how = options.new("wick_embed_options", given or {}, anchors)
  return start(self, anchors, function(out, why) return C.wick_embed_start(self.handle, list, #texts, how, out, why) end)
end

-- The ids of a text. Waits for the load.
function Model:tokenize(text, add_special)
  local value, needed, why = ffi.new("wick_str"), ffi.new("size_t[1]"), blank()
  options.text(value, text)
  local cap = #text + 8
  local ids = ffi.new("uint32_t[?]", cap)
  check(C.wick_model_tokenize(self.handle, value, add_special and 1 or 0, 0, ids, cap, needed, why), why)
  return append(nil, ids, tonumber(needed[0]))
end

-- What is known of the model, as JSON.
function Model:info() return whole(function(...) return C.wick_model_info(self.handle, ...) end) end

-- ---- runtimes

-- Loads a model: the model, which can be used at once, and the stream of its load (progress, then "ready").
-- `given`: the fields of wick_model_options.
function Runtime:load(path, given)
  return arrive(self, Model, "wick_model", close_model, "wick_model_options", path, given,
    function(...) return C.wick_model_load(self.handle, ...) end)
end

-- HOST_STEP only: computes for about `seconds`; whether there is more to do.
function Runtime:step(seconds)
  return check(C.wick_runtime_step(self.handle, nanoseconds(seconds), nil)) == abi.groups.status.more
end

function Runtime:pause() check(C.wick_runtime_pause(self.handle)) end
function Runtime:resume() check(C.wick_runtime_resume(self.handle)) end
-- From now on at most `percent` of the time is computed.
function Runtime:set_pace(percent) check(C.wick_runtime_set_pace(self.handle, percent)) end
-- Gives memory back that can be filled again.
function Runtime:trim() check(C.wick_runtime_trim(self.handle)) end
-- Counts, memory, queues, as JSON.
function Runtime:info() return whole(function(...) return C.wick_runtime_info(self.handle, ...) end) end

-- Ends every stream ("shutdown") and joins the threads; whether that was over within `seconds` (nil: as long
-- as it takes).
function Runtime:shutdown(seconds)
  local status = C.wick_runtime_shutdown(self.handle, nanoseconds(seconds))
  if status == abi.groups.status.ok then
    ffi.gc(self.handle, nil)
    self.open = false
    return true
  end
  if status == abi.groups.status.e_timeout then return false end
  check(status)
end

-- A runtime. `given`: the fields of wick_runtime_options (threads, mode = "host_step", pace_percent,
-- memory_budget, …).
function wick.runtime(given)
  local out, why, anchors = ffi.new("wick_runtime[1]"), blank(), {}
  local made = options.new("wick_runtime_options", given, anchors)
  made.abi_version = abi.abi_version
  local status = C.wick_runtime_create(made, out, why)
  release(anchors)
  check(status, why)
  return own(Runtime, ffi.new("wick_runtime", out[0]), shut_down)
end

-- The library's version, such as "0.1.0", and what it was built with, as JSON.
wick.version = ffi.string(C.wick_version())
function wick.build_info() return whole(function(...) return C.wick_build_info(...) end) end

return wick
