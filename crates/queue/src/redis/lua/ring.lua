-- ring.lua   Wakes those who wait at a bell: one token for each entry there may be.
--
-- KEYS[1] bell (list)
-- ARGV[1] tokens, one byte each: the shard   ARGV[2] most that may lie there   ARGV[3] ttl, ms
-- -> how many tokens were added
--
-- Tokens that nobody takes go away by themselves, lest a queue that nobody serves leaves its bell behind for ever.
local length = redis.pcall('LLEN', KEYS[1])
if type(length) == 'table' then
  redis.call('DEL', KEYS[1])
  length = 0
end
local count = math.min(#ARGV[1], ARGV[2] - length)
local tokens = {}
for i = 1, count do tokens[i] = string.sub(ARGV[1], i, i) end
variadic('RPUSH', KEYS[1], tokens)
if count > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return #tokens
