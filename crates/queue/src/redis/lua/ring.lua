-- ring.lua   Wakes those who wait at bells: one token for each entry there may be.
--
-- KEYS[1], KEYS[2]... bells (lists)
-- ARGV[1] most tokens that may lie at each   ARGV[2] ttl, ms   ARGV[3...] by bell: n, n * (token, how many of it)
-- -> nothing
--
-- Tokens that nobody takes go away by themselves, lest a queue that nobody serves leaves its bell behind for ever.
local at = 3
for _, bell in ipairs(KEYS) do
  local length = redis.pcall('LLEN', bell)
  if type(length) == 'table' then
    redis.call('DEL', bell)
    length = 0
  end
  local room, tokens = ARGV[1] - length, {}
  for i = at + 1, at + 2 * ARGV[at], 2 do
    for _ = 1, math.min(ARGV[i + 1], room - #tokens) do tokens[#tokens + 1] = ARGV[i] end
  end
  variadic('RPUSH', bell, tokens)
  if #tokens > 0 then redis.call('PEXPIRE', bell, ARGV[2]) end
  at = at + 1 + 2 * ARGV[at]
end
