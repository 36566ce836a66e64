-- mend.lua   Drops keys of a shard that are not of the type they should be: somebody else wrote them.
--
-- KEYS[1] lines   KEYS[2] delayed   KEYS[3] leases   KEYS[4] workers   KEYS[5] claims   KEYS[6] elect   KEYS[7] life
-- ARGV[1] prefix of ready keys   ARGV[2...] lines to look at besides those that have entries
-- -> how many were dropped
local types = { 'set', 'zset', 'hash', 'zset', 'hash', 'string', 'string' }
local dropped = 0
local function check(key, expected)
  local found = redis.call('TYPE', key).ok
  if found ~= expected and found ~= 'none' then dropped = dropped + redis.call('UNLINK', key) end
end
for i, key in ipairs(KEYS) do check(key, types[i]) end
for _, line in ipairs(redis.call('SMEMBERS', KEYS[1])) do check(ARGV[1] .. line, 'zset') end
for i = 2, #ARGV do check(ARGV[1] .. ARGV[i], 'zset') end
return dropped
