-- peek.lua   Says whether any of the lines served has an entry.
--
-- KEYS[1] lines (set)
-- ARGV[1] prefix of ready keys   ARGV[2...] the lines served; none: every line
-- -> 1 or 0
local lines = {}
if ARGV[2] then
  for i = 2, #ARGV do lines[i - 1] = ARGV[i] end
else
  lines = redis.call('SMEMBERS', KEYS[1])
end
for _, line in ipairs(lines) do
  if redis.call('EXISTS', ARGV[1] .. line) == 1 then return 1 end
end
return 0
