-- The module, with the fake model of a library with the feature `testing`:
--
--   WICK_LIBRARY=…/libwick.so luajit tests/test.lua     (in bindings/lua)
package.path = "?.lua;?/init.lua;" .. package.path
local ffi = require "ffi"
local abi = require "wick.abi"
local wick = require "wick"
local C = ffi.load(os.getenv("WICK_LIBRARY"))
ffi.cdef [[
wick_status wick_testing_model_load(wick_runtime, wick_str, const wick_model_options *, wick_model *, wick_stream *, wick_error *);
wick_status wick_testing_release(wick_model, uint64_t);
]]

local tests = {}

local function equal(left, right, what)
  if left ~= right then error(("%s: %s is not %s"):format(what or "equal", tostring(left), tostring(right)), 2) end
end

-- What `call` raises; with `pattern` in it.
local function raises(pattern, call, ...)
  local well, why = pcall(call, ...)
  if well then error("nothing was raised", 2) end
  if not tostring(why):find(pattern) then error(("%q is not in %q"):format(pattern, tostring(why)), 2) end
  return why
end

-- A model that says what the script says, as an object of the class of real ones.
local function fake(rt, script)
  local out, why, text = ffi.new("wick_model[1]"), ffi.new("wick_error"), ffi.new("wick_str")
  why.struct_size = ffi.sizeof("wick_error")
  text.ptr, text.len = script, #script
  assert(C.wick_testing_model_load(rt.handle, text, nil, out, nil, why) == 0, ffi.string(why.message))
  local model = rt:load("there is no such file")
  model:close()
  model.handle = ffi.gc(ffi.new("wick_model", out[0]), function(handle) C.wick_model_close(handle) end)
  model.open = true
  return model
end

local function threads() return wick.runtime { threads = 1 } end

function tests.every_struct_has_the_layout_of_the_header()
  for name, layout in pairs(abi.layout) do
    equal(ffi.sizeof(name), layout.size, name)
    for _, field in ipairs(layout) do equal(ffi.offsetof(name, field[1]), field[2], name .. "." .. field[1]) end
  end
end

function tests.an_answer_is_read_in_every_way()
  local rt = threads()
  local model = fake(rt, [[{"reply":"One two three."}]])
  equal(model:session():generate("Hi"):text(), "One two three.", "text")
  local parts, last = {}, nil
  for event in model:session():generate("Hi"):events() do
    if event.kind == "text" then
      equal(event.channel, "answer")
      assert(#event.tokens > 0)
      parts[#parts + 1] = event.text
    end
    last = event
  end
  equal(table.concat(parts), "One two three.", "events")
  equal(last.kind, "end")
  equal(last.reason, "stop")
  assert(last.stats.output_tokens > 0 and not last.error)
  local stream, text, frames = model:session():generate("Hi", { cut = "sentence" }), "", 0
  while not stream.ended do
    for event in stream:poll() do
      if event.kind == "text" then text = text .. event.text end
    end
    frames = frames + 1
    assert(frames < 1e8, "it never ends")
  end
  equal(text, "One two three.", "poll")
  equal(stream:next(), nil, "behind the end")
  assert(rt:shutdown())
end

function tests.a_poll_never_waits_and_a_cancel_ends()
  local rt = threads()
  local model = fake(rt, [[{"reply":"a","endless":true,"gated":true}]])
  local stream = model:session():generate("Hi")
  for _ = 1, 1000 do
    for event in stream:poll() do assert(event.kind ~= "text") end
  end
  -- It has been started, or is yet to be; then a wait with a limit ends without anything.
  while stream:next(0.2) do end
  assert(not stream.ended)
  stream:cancel()
  stream:cancel()
  equal(stream:wait().reason, "cancelled")
  stream:close()
  stream:close()
  raises("STALE_HANDLE", stream.cancel, stream)
  assert(rt:shutdown())
end

function tests.options_are_the_headers_and_mistakes_are_named()
  local rt = threads()
  local model = fake(rt, [[{"reply":"One two three four five."}]])
  local session = model:session { system = "You are brief." }
  local _, ended = session:generate("Hi", { max_tokens = 2, temperature = 0.5, seed = 7ULL, stop = { "zzz" } }):text()
  equal(ended.reason, "length")
  equal(ended.stats.seed, 7ULL, "seed")
  equal((session:generate("Hi", { stop = "two" }):text()), "One ", "a stop string")
  raises('there is no option "temprature"', session.generate, session, "Hi", { temprature = 1 })
  raises('there is no option "on_event"', session.generate, session, "Hi", { on_event = print })
  raises('cut is "syllable"; it has to be one of line, sentence, token, word', session.generate, session, "Hi", { cut = "syllable" })
  raises("max_tokens is table", session.generate, session, "Hi", { max_tokens = {} })
  raises("grammar is 1; it has to be a string", session.generate, session, "Hi", { grammar = 1 })
  raises("messages%[1%].role is 5", session.generate, session, { { role = 5 } })
  local why = raises("INVALID_ARGUMENT", session.generate, session, "Hi", { prompt = "and raw" })
  equal(why.status, "WICK_E_INVALID_ARGUMENT")
  assert(rt:shutdown())
end

function tests.errors_are_ends_and_text_raises_them()
  local rt = threads()
  local model, load = rt:load("there/is/no.gguf")
  local ended
  for event in load:events() do ended = event end
  equal(ended.reason, "error")
  equal(ended.error.status, "WICK_E_IO")
  raises("WICK_E_IO: .*there/is/no.gguf: cannot be opened", load.wait, load)
  raises("WICK_E_IO", function() model:session():generate("Hi"):text() end)
  local failing = fake(rt, [[{"reply":"abcdef","fail_at":0}]])
  raises("WICK_E_", function() failing:session():generate("Hi"):text() end)
  assert(rt:shutdown())
end

function tests.a_text_longer_than_the_buffer_comes_whole()
  local rt = threads()
  local model = fake(rt, [[{"echo":true,"context_length":60000,"chat_template":"{{ messages[0].content }}"}]])
  local text = ("é"):rep(12000)
  local got = model:session():generate(text):text()
  equal(#got, #text, "bytes")
  equal(got, text)
  assert(rt:shutdown())
end

function tests.sessions_fork_rewind_keep_and_are_saved()
  local rt = threads()
  local model = fake(rt, [[{"reply":"Yes, of course."}]])
  local session = model:session { system = "You agree." }
  local _, first = session:generate("One?"):text()
  local twin = session:fork()
  twin:generate("Two?"):text()
  local _, turns = twin:messages():gsub('"role"', "")
  equal(turns, 5, "messages of the fork")
  twin:rewind(first.stats.session_tokens)
  -- What is asked of it next finds it done.
  twin:generate("Three?"):text()
  assert(twin:messages():find("Three") and not twin:messages():find("Two"), twin:messages())
  twin:keep(3)
  twin:set_system("You do not agree.")
  twin:generate("Four?"):text()
  assert(twin:messages():find('"Yes"', 1, true) and twin:messages():find("You do not agree.", 1, true), twin:messages())
  twin:clear()
  twin:generate("Five?"):text()
  assert(not twin:messages():find("One"), twin:messages())
  local path = os.tmpname()
  equal(session:save(path, { with_kv = true }):wait().reason, "ready")
  local again, restored = model:restore(path)
  equal(restored:wait().reason, "ready")
  equal(again:messages(), session:messages())
  os.remove(path)
  assert(again:info():find('"state"'))
  assert(rt:shutdown())
end

function tests.vectors_and_ids()
  local rt = threads()
  local model = fake(rt, [[{"vector_length":8}]])
  local count = 0
  for event in model:embed({ "one", "two", "three" }):events() do
    if event.kind == "vector" then
      equal(event.done, count)
      equal(event.total, 3)
      equal(#event.values, 8)
      count = count + 1
    end
  end
  equal(count, 3)
  assert(#model:tokenize("some text") > 0)
  assert(model:info():find("^{") and rt:info():find("^{") and wick.build_info():find(wick.version, 1, true))
  assert(rt:shutdown())
end

function tests.a_loop_without_threads()
  local rt = wick.runtime { mode = "host_step" }
  local model = fake(rt, [[{"reply":"Step by step."}]])
  local stream, text = model:session():generate("Hi"), ""
  while not stream.ended do
    rt:step(0.002)
    for event in stream:poll() do
      if event.kind == "text" then text = text .. event.text end
    end
  end
  equal(text, "Step by step.")
  raises("WICK_E_UNSUPPORTED", rt.set_pace, rt, 50)
  assert(rt:shutdown())
end

function tests.what_is_forgotten_is_closed()
  local rt = threads()
  local model = fake(rt, [[{"reply":"a","endless":true}]])
  local function live() return tonumber(rt:info():match('"live":(%d+)')) end
  for _ = 1, 50 do model:session():generate("Hi"):next() end
  collectgarbage()
  collectgarbage()
  -- What is closed has stopped within a slice.
  local until_then = os.time() + 60
  while live() > 0 and os.time() < until_then do end
  equal(live(), 0, "generations")
  assert(rt:shutdown())
end

function tests.cycles_leave_nothing()
  local function resident()
    local file = io.open("/proc/self/statm")
    if not file then return 0 end
    local pages = file:read("*n", "*n") and 0
    file:seek("set")
    local _, second = file:read("*n", "*n")
    file:close()
    return second * 4096 + pages
  end
  local before
  for cycle = 1, 1000 do
    local rt = threads()
    local model = fake(rt, [[{"reply":"Hello."}]])
    local session = model:session()
    equal(session:generate("Hi"):text(), "Hello.")
    session:close()
    model:close()
    assert(rt:shutdown())
    if cycle % 100 == 0 then collectgarbage() end
    if cycle == 200 then before = resident() end
  end
  collectgarbage()
  local grown = resident() - before
  assert(grown < 8 * 2 ^ 20, ("grown by %d bytes"):format(grown))
end

-- The process ends in the middle of an answer: by its last line, by os.exit with and without closing the state,
-- by an error.
function tests.the_interpreter_may_end_at_any_time()
  for ending, code in pairs { [""] = 0, ["os.exit(3, true)"] = 3, ["os.exit(4)"] = 4, ["error('x')"] = 1 } do
    local path = os.tmpname()
    local file = io.open(path, "w")
    file:write(([[
      package.path = "?.lua;?/init.lua;" .. package.path
      local wick, ffi = require "wick", require "ffi"
      local rt = wick.runtime { threads = 1 }
      ffi.cdef "wick_status wick_testing_model_load(wick_runtime, wick_str, const void *, wick_model *, wick_stream *, wick_error *);"
      local C, out, text = ffi.load(os.getenv("WICK_LIBRARY")), ffi.new("wick_model[1]"), ffi.new("wick_str")
      local script = '{"reply":"a","endless":true}'
      text.ptr, text.len = script, #script
      assert(C.wick_testing_model_load(rt.handle, text, nil, out, nil, nil) == 0)
      local model = rt:load("none")
      model.handle = out[0]
      local stream = model:session():generate("Hi")
      while stream:next().kind ~= "text" do end
      %s
    ]]):format(ending))
    file:close()
    -- LuaJIT gives the exit code itself, or with 5.2's way as the third result.
    local _, _, third = os.execute("timeout 60 luajit " .. path .. " 2>/dev/null")
    local first = os.execute("timeout 60 luajit " .. path .. " 2>/dev/null")
    equal(third or math.floor(first / 256), code, "exit code of " .. ending)
    os.remove(path)
  end
end

local names, failed = {}, 0
for name in pairs(tests) do names[#names + 1] = name end
table.sort(names)
for _, name in ipairs(names) do
  if not arg[1] or name:find(arg[1], 1, true) then
    local well, why = xpcall(tests[name], function(why) return type(why) == "string" and debug.traceback(why) or why end)
    print((well and "ok: " or "FAILED: ") .. name)
    if not well then
      failed = failed + 1
      print(tostring(why))
    end
  end
end
os.exit(failed == 0 and 0 or 1, true)
