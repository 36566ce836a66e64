-- ring.lua   Wakes those who wait at a bell: one token for each entry there may be.
--
-- KEYS[1] bell (list)
-- ARGV[1] most that may lie there   ARGV[2] ttl, ms   ARGV[3...] token, how many of it
-- -> how many tokens were added
--
-- Tokens that nobody takes go away by themselves, lest a queue that nobody serves leaves its bell behind for ever.
local length = redis.pcall('LLEN', KEYS[1])
if type(length) == 'table' then
  redis.call('DEL', KEYS[1])
  length = 0
end
local room, tokens = ARGV[1] - length, {}
for i = 3, #ARGV, 2 do
  for _ = 1, math.min(ARGV[i + 1], room - #tokens) do tokens[#tokens + 1] = ARGV[i] end
end
variadic('RPUSH', KEYS[1], tokens)
if #tokens > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return #tokens
