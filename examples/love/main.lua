-- A tavern of twenty guests who speak by sentence, each with a memory, at 60 frames a second:
--
--   love examples/love MODEL.gguf [--seconds N --to FOLDER]
--
-- With --seconds it ends by itself, in the middle of whatever is said, and leaves frames.png and tavern.png in
-- the folder. The module and the library: docs/lua.md.

local source = love.filesystem.getSource()
package.path = source .. "/../../bindings/lua/?.lua;" .. source .. "/../../bindings/lua/?/init.lua;" .. package.path
local tavern, graph = require "tavern", require "graph"

local here, failed, seconds, folder
local clock, frames, fonts = 0, {}, {}
local FRAME = 1 / 60
-- When the next frame is due, where the display does not say (vsync); figures that are looked up twice a second.
local due, shown = 0, { at = -1 }

-- Tells what went wrong, and ends where nobody looks.
local function fail(why)
  failed = tostring(why)
  io.stderr:write(failed, "\n")
  if seconds then love.event.quit(1) end
end

function love.load(arguments)
  local model
  local at = 1
  while at <= #arguments do
    if arguments[at] == "--seconds" or arguments[at] == "--to" then
      if arguments[at] == "--seconds" then seconds = tonumber(arguments[at + 1]) else folder = arguments[at + 1] end
      at = at + 1
    else
      model = arguments[at]
    end
    at = at + 1
  end
  if not model then
    print("usage: love examples/love MODEL.gguf [--seconds N --to FOLDER]")
    return love.event.quit(2)
  end
  fonts.small, fonts.text = love.graphics.newFont(12), love.graphics.newFont(15)
  due = love.timer.getTime()
  -- A model that cannot be opened may be known by now, or only later, in an update.
  local well, opened = pcall(tavern.open, model)
  if well then here = opened else fail(opened) end
end

-- Writes a file outside of LÖVE's own folder.
local function write(name, bytes)
  local file = assert(io.open(folder .. "/" .. name, "wb"))
  file:write(bytes)
  file:close()
end

local function finish()
  if folder then
    write("frames.png", graph.plot(frames, here.ttft))
  end
  print(("%d frames: median %.1f ms, p99 %.1f ms, longest %.1f ms"):format(#frames, graph.percentile(frames, 0.5),
    graph.percentile(frames, 0.99), graph.percentile(frames, 1)))
  print(("%d sentences, %d answers; first token: median %.0f ms, p99 %.0f ms"):format(here.sentences, #here.ttft,
    graph.percentile(here.ttft, 0.5), graph.percentile(here.ttft, 0.99)))
  love.event.quit(0)
end

function love.update(dt)
  if not here then return end
  clock = clock + dt
  -- The first second belongs to the window.
  if clock > 1 then frames[#frames + 1] = dt * 1000 end
  if failed then return end
  local well, why = pcall(here.update, here, clock)
  if not well then
    fail(why)
  elseif seconds and clock > seconds and not here.pictured and here.speaker and here.speaker.bubble then
    here.pictured = true
    love.graphics.captureScreenshot(function(picture)
      if folder then write("tavern.png", picture:encode("png"):getString()) end
      finish()
    end)
  end
end

local function guest_at(index)
  local angle = (index - 1) / #here.guests * 2 * math.pi - math.pi / 2
  return 480 + 380 * math.cos(angle), 270 + 200 * math.sin(angle)
end

local function draw_failure()
  love.graphics.setColor(1, 0.5, 0.4)
  love.graphics.printf(failed, 100, 480, 760, "center")
end

function love.draw()
  love.graphics.clear(0.13, 0.09, 0.07)
  if not here then return failed and draw_failure() end
  love.graphics.setColor(0.3, 0.19, 0.11)
  love.graphics.ellipse("fill", 480, 270, 300, 140)
  love.graphics.setFont(fonts.small)
  for index, guest in ipairs(here.guests) do
    local x, y = guest_at(index)
    local speaks = guest == here.speaker
    love.graphics.setColor(0.45 + 0.025 * index, 0.4, 0.9 - 0.025 * index)
    love.graphics.circle("fill", x, y + (speaks and 3 * math.sin(clock * 8) or 0), 20)
    love.graphics.setColor(1, 0.95, 0.85, speaks and 1 or 0.6)
    love.graphics.printf(guest.name, x - 40, y + 22, 80, "center")
    if guest.state == "thinks" then love.graphics.printf("…", x - 40, y - 38, 80, "center") end
  end
  local guest = here.speaker
  if guest and guest.bubble then
    love.graphics.setColor(1, 0.97, 0.9)
    love.graphics.rectangle("fill", 290, 215, 380, 110, 12)
    local x, y = guest_at(guest.index)
    -- The bubble's tip points at who speaks.
    love.graphics.polygon("fill", 465, 270, 495, 270, 480 + (x - 480) * 0.86, 270 + (y - 270) * 0.86)
    love.graphics.setColor(0.15, 0.1, 0.08)
    love.graphics.setFont(fonts.text)
    love.graphics.printf(guest.name .. ": " .. guest.bubble, 305, 228, 350)
    love.graphics.setFont(fonts.small)
  elseif here.progress and not here.load.ended then
    love.graphics.setColor(1, 1, 1)
    love.graphics.printf(("the guests arrive … %d %%"):format(here.progress * 100), 260, 260, 440, "center")
  end
  graph.bars(frames, 20, 540, 700, 45, 33.3, 16.7, { 0.45, 0.75, 1 }, 1)
  love.graphics.setColor(1, 1, 1, 0.8)
  if clock - shown.at > 0.5 then
    shown = { at = clock, frame = graph.percentile(frames, 0.99), ttft = graph.percentile(here.ttft, 0.5) }
  end
  love.graphics.print(("frames: p99 %.1f ms"):format(shown.frame), 735, 540)
  love.graphics.print(("first token: median %.0f ms"):format(shown.ttft), 735, 555)
  love.graphics.print(("%d sentences"):format(here.sentences), 735, 570)
  if failed then draw_failure() end
  due = math.max(due + FRAME, love.timer.getTime() - FRAME)
  love.timer.sleep(math.max(due - love.timer.getTime(), 0))
end

function love.quit()
  if here then here:close() end
end
