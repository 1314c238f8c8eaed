-- Figures of the frames and of the first tokens, and their picture. Knows no tavern.

local graph = {}

-- The value that `share` of `values` do not exceed.
function graph.percentile(values, share)
  local sorted = {}
  for at, value in ipairs(values) do sorted[at] = value end
  table.sort(sorted)
  return sorted[math.max(1, math.ceil(#sorted * share))] or 0
end

-- Bars of `values` (ms) in a box, with a line at `limit`; the newest at the right.
function graph.bars(values, x, y, w, h, top, limit, color, step)
  love.graphics.setColor(1, 1, 1, 0.06)
  love.graphics.rectangle("fill", x, y, w, h)
  love.graphics.setColor(color)
  local room = math.floor(w / step)
  local first = math.max(0, #values - room)
  for at = first + 1, #values do
    local height = math.min(values[at] / top, 1) * h
    love.graphics.rectangle("fill", x + (at - first - 1) * step, y + h - height, math.max(step - 1, 1), height)
  end
  if limit then
    love.graphics.setColor(1, 0.8, 0.3, 0.8)
    love.graphics.line(x, y + h - limit / top * h, x + w, y + h - limit / top * h)
  end
end

-- A picture of a whole run, as a PNG's bytes.
function graph.plot(frames, ttft)
  local w, h = 960, 480
  local canvas = love.graphics.newCanvas(w, h)
  love.graphics.setCanvas(canvas)
  love.graphics.clear(0.09, 0.08, 0.1)
  love.graphics.setColor(1, 1, 1)
  love.graphics.print(("frame times of %d frames, 0 to 33 ms, the line at 16.7: median %.1f ms, p99 %.1f ms, longest %.1f ms")
    :format(#frames, graph.percentile(frames, 0.5), graph.percentile(frames, 0.99), graph.percentile(frames, 1)), 20, 14)
  -- As many columns as there is room: each the longest frame of its part.
  local columns = {}
  for at = 1, 920 do
    local from, to, longest = math.floor((at - 1) * #frames / 920) + 1, math.floor(at * #frames / 920), 0
    for frame = from, math.max(to, from) do longest = math.max(longest, frames[frame] or 0) end
    columns[at] = longest
  end
  graph.bars(columns, 20, 40, 920, 180, 33.3, 16.7, { 0.45, 0.75, 1 }, 1)
  love.graphics.setColor(1, 1, 1)
  love.graphics.print(("first tokens of %d answers, 0 to 1,000 ms: median %.0f ms, p99 %.0f ms")
    :format(#ttft, graph.percentile(ttft, 0.5), graph.percentile(ttft, 0.99)), 20, 244)
  graph.bars(ttft, 20, 270, 920, 180, 1000, nil, { 0.6, 0.9, 0.55 }, math.max(2, math.floor(920 / math.max(#ttft, 1))))
  love.graphics.setCanvas()
  return canvas:newImageData():encode("png"):getString()
end

return graph
