-- promote.lua   Moves delayed entries whose time has come to ready.
--
-- KEYS[1] lines (set)   KEYS[2] delayed (zset)
-- ARGV[1] skew   ARGV[2] prefix of ready keys   ARGV[3] limit
-- -> how many left the delayed set, microseconds until the next is due (-1: there is none), then by line: line, n
local now = clock(ARGV[1])
local due = redis.call('ZRANGE', KEYS[2], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[3], 'WITHSCORES')
local lines, places = {}, {}
for i = 1, #due, 2 do
  -- A member is that of the ready line, then the line. Anything else did not come from us, and goes.
  local line = string.sub(due[i], 21)
  if is_line(line) then
    if not places[line] then
      places[line] = {}
      lines[#lines + 1] = line
    end
    local of_line = places[line]
    of_line[#of_line + 1] = due[i + 1]
    of_line[#of_line + 1] = string.sub(due[i], 1, 20)
  end
end

local answer = { #due / 2, -1 }
variadic('SADD', KEYS[1], lines)
for _, line in ipairs(lines) do
  variadic('ZADD', ARGV[2] .. line, places[line])
  answer[#answer + 1] = line
  answer[#answer + 1] = #places[line] / 2
end
if #due > 0 then redis.call('ZREMRANGEBYRANK', KEYS[2], 0, #due / 2 - 1) end

local head = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if head[1] then answer[2] = math.max(0, head[2] - now) end
return answer
