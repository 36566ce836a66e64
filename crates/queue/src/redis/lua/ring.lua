-- ring.lua   Wakes those who wait at a bell: one token for each entry there may be.
--
-- KEYS[1] bell (list)
-- ARGV[1] most that may lie there   ARGV[2] ttl, ms   ARGV[3...] tokens
-- -> how many tokens were added
--
-- Tokens that nobody takes go away by themselves, lest a queue that nobody serves leaves its bell behind for ever.
local length = redis.pcall('LLEN', KEYS[1])
if type(length) == 'table' then
  redis.call('DEL', KEYS[1])
  length = 0
end
local count = math.min(#ARGV - 2, ARGV[1] - length)
local tokens = {}
for i = 1, count do tokens[i] = ARGV[i + 2] end
variadic('RPUSH', KEYS[1], tokens)
if count > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return #tokens
