-- The guests and their talk: who speaks, what is heard, how long it took. Draws nothing, and never waits.

local wick = require "wick"

local tavern = {}

-- Comes first in every guest's system message: computed once, held once.
local WORLD = "You are a guest of the tavern The Broken Wheel in Brookfield, a small village. The bridge was washed away "
  .. "by the spring flood, so flour and salt are dear. At night lights have been seen at the old mill. You answer in one "
  .. "or two short sentences, as a villager would, and never say that you are a machine. You are "

local GUESTS = {
  { "Otto", "the blacksmith, grumpy, proud of your swords" }, { "Mira", "the innkeeper, friendly, who hears everything" },
  { "Jon", "the guard, tired and suspicious" }, { "Ida", "the baker, worried about the flour" },
  { "Pip", "nine years old, who has been to the mill" }, { "Greta", "the midwife, calm and old" },
  { "Hal", "the ferryman, who earns well without a bridge" }, { "Wanda", "the weaver, who wants to leave" },
  { "Ben", "the shepherd, a man of few words" }, { "Rosa", "the healer, who knows the forest" },
  { "Karl", "the mayor, polite and afraid" }, { "Lena", "the teacher, curious" },
  { "Tom", "the carpenter, who will build the bridge" }, { "Nell", "the beekeeper, cheerful" },
  { "Finn", "the fisher, who exaggerates" }, { "Edda", "the widow, who prays a lot" },
  { "Max", "the miller's son, who never speaks of the mill" }, { "Olga", "the hunter, blunt" },
  { "Sam", "the pedlar, stuck here by the flood" }, { "Vera", "the singer, in love with Tom" },
}

-- How long a sentence stays to be read: seconds.
local READ = 1.2

-- The talk of a model's file. `state` of a guest: "silent", "thinks", "speaks".
function tavern.open(path)
  -- One thread, and half of it: the frames come first.
  local rt = wick.runtime { threads = 1, pace_percent = 50 }
  local model, load = rt:load(path)
  local here = { rt = rt, model = model, load = load, guests = {}, turn = 0, said = "Good evening! Any news?", by = "Ada", ttft = {}, sentences = 0 }
  for _, guest in ipairs(GUESTS) do
    here.guests[#here.guests + 1] = {
      name = guest[1], index = #here.guests + 1, state = "silent", bubble = nil, turns = 0,
      session = model:session { system = WORLD .. guest[1] .. ", " .. guest[2] .. ".", context_length = 1024, overflow = "roll" },
    }
  end
  return setmetatable(here, { __index = tavern })
end

-- The next guest answers what was said last.
function tavern:next_turn()
  self.turn = self.turn + 1
  local guest = self.guests[(self.turn - 1) % #self.guests + 1]
  guest.state, guest.waiting = "thinks", {}
  guest.stream = guest.session:generate(("%s says: %s"):format(self.by, self.said),
    { max_tokens = 40, cut = "sentence", temperature = 0.7, min_p = 0.05, repeat_penalty = 1.1, seed = self.turn })
  self.speaker = guest
end

-- What a frame does for the guests: takes the events that are there, shows a sentence when the last was read.
-- `now`: seconds. Raises the error of a load or an answer.
function tavern:update(now)
  for event in self.load:poll() do
    if event.kind == "progress" then self.progress = event.done / math.max(event.total, 1) end
    if event.error then error(event.error, 0) end
  end
  local guest = self.speaker
  if not guest then return self:next_turn() end
  for event in guest.stream:poll() do
    if event.kind == "text" and event.channel == "answer" then
      table.insert(guest.waiting, (event.text:gsub("%s+$", "")))
    elseif event.kind == "end" then
      if event.error then error(event.error, 0) end
      if event.stats.ttft_ns > 0 then table.insert(self.ttft, event.stats.ttft_ns / 1e6) end
    end
  end
  if #guest.waiting > 0 and (not guest.bubble or now - guest.since >= READ) then
    guest.bubble, guest.since, guest.state = table.remove(guest.waiting, 1), now, "speaks"
    self.by, self.said, self.sentences = guest.name, guest.bubble, self.sentences + 1
  elseif guest.stream.ended and #guest.waiting == 0 and (not guest.bubble or now - guest.since >= READ) then
    guest.stream:close()
    guest.stream, guest.bubble, guest.state, guest.turns = nil, nil, "silent", guest.turns + 1
    self:next_turn()
  end
end

-- Everything ends, in the middle of an answer too.
function tavern:close() self.rt:shutdown() end

return tavern
