-- Tables of options as the structs of the library: every field by its name in wick.h. Knows no call.

local ffi = require "ffi"
local abi = require "wick.abi"

local options = {}

-- What the library and this module fill in themselves: callbacks run on threads of the library's, which Lua
-- cannot be called from.
local OWN = {
  struct_size = true, abi_version = true, reserved = true, reserved0 = true, reserved1 = true, reserved2 = true,
  thread_name = true, on_thread = true, thread_user = true, thread_drop = true, log = true, log_user = true,
  log_drop = true, on_event = true, user = true, drop = true, queue = true, data_user = true, data_drop = true,
  messages = true, message_count = true, prompt_token_count = true, stop_count = true, logit_bias_count = true,
  data_len = true, io = true,
}

local fields = {}
for struct, layout in pairs(abi.layout) do
  local known = {}
  for _, field in ipairs(layout) do known[field[1]] = field[3] end
  fields[struct] = known
end

local function wrong(name, value, wanted)
  error(("wick: %s is %s; it has to be %s"):format(name, type(value) == "string" and ("%q"):format(value)
    or tostring(value), wanted), 0)
end

local function names(group)
  local all = {}
  for name in pairs(abi.groups[group]) do
    if type(name) == "string" then all[#all + 1] = name end
  end
  table.sort(all)
  return "one of " .. table.concat(all, ", ")
end

-- Sets `text` to a string, or to nothing; the string has to live as long as the struct is used.
function options.text(text, value)
  if value ~= nil then text.ptr, text.len = value, #value end
end

local function array(kind, list, anchors)
  local out = ffi.new(kind .. "[?]", math.max(#list, 1))
  anchors[#anchors + 1] = out
  return out
end

-- Lists, by the name of their field: how each lands in the struct.
local LISTS = {
  stop = function(struct, value, anchors)
    local list = type(value) == "table" and value or { value }
    local out = array("wick_str", list, anchors)
    for at, text in ipairs(list) do
      if type(text) ~= "string" then wrong("stop[" .. at .. "]", text, "a string") end
      options.text(out[at - 1], text)
    end
    struct.stop, struct.stop_count = out, #list
  end,
  prompt_tokens = function(struct, value, anchors)
    local out = array("uint32_t", value, anchors)
    for at, id in ipairs(value) do out[at - 1] = id end
    struct.prompt_tokens, struct.prompt_token_count = out, #value
  end,
  logit_bias = function(struct, value, anchors)
    local list = {}
    for id, bias in pairs(value) do list[#list + 1] = { id, bias } end
    local out = array("wick_logit_bias", list, anchors)
    for at, one in ipairs(list) do out[at - 1].token, out[at - 1].bias = one[1], one[2] end
    struct.logit_bias, struct.logit_bias_count = out, #list
  end,
  data = function(struct, value, anchors)
    if type(value) ~= "string" then wrong("data", value, "a string with a whole model file") end
    anchors[#anchors + 1] = value
    struct.data, struct.data_len = ffi.cast("const char *", value), #value
  end,
}

-- A new `name` with what `given` says; `anchors` takes what has to live until the call that it is for is over.
-- Fields of a `wick_sampling` in it are given beside the others.
function options.new(name, given, anchors)
  local struct = ffi.new(name)
  struct.struct_size = ffi.sizeof(name)
  anchors[#anchors + 1] = given
  for key, value in pairs(given or {}) do
    local sort, inside, group = not OWN[key] and fields[name][key], struct, nil
    if not sort and fields[name].sampling and not OWN[key] then
      sort, inside = fields.wick_sampling[key], struct.sampling
    end
    group = sort and abi.groups[sort]
    if not sort then
      error(("wick: there is no option %q; wick.h has those of %s"):format(tostring(key), name), 0)
    elseif group then
      if group[value] == nil or type(value) ~= "string" then wrong(key, value, names(sort)) end
      inside[key] = group[value]
    elseif sort == "text" then
      if type(value) ~= "string" then wrong(key, value, "a string") end
      options.text(inside[key], value)
    elseif sort == "number" then
      if type(value) == "boolean" then value = value and 1 or 0 end
      if type(value) ~= "number" and not ffi.istype("uint64_t", value) and not ffi.istype("int64_t", value) then
        wrong(key, value, "a number, or true or false")
      end
      inside[key] = value
    elseif LISTS[key] then
      LISTS[key](inside, value, anchors)
    else
      -- An adapter: the object that has the handle.
      if type(value) ~= "table" or not value.handle then wrong(key, value, "what wick gave for it") end
      inside[key] = value.handle
    end
  end
  return struct
end

-- Messages: a string is the user's; a table is a list of { role =, content =, extra_json = }.
function options.messages(given, anchors)
  local list = type(given) == "string" and { { role = "user", content = given } } or given
  local out = array("wick_message", list, anchors)
  for at, message in ipairs(list) do
    for _, part in ipairs { "role", "content", "extra_json" } do
      local value = message[part]
      if value ~= nil and type(value) ~= "string" then wrong(("messages[%d].%s"):format(at, part), value, "a string") end
      options.text(out[at - 1][part], value)
    end
  end
  anchors[#anchors + 1] = list
  return out, #list
end

return options
