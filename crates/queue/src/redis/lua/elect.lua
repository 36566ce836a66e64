-- elect.lua   Takes or renews the care of a shard, unless somebody else has it.
--
-- KEYS[1] elect (string: deadline in us, a blank, the owner)
-- ARGV[1] skew   ARGV[2] owner   ARGV[3] ttl, us
-- -> 1 or 0
local now, owner = clock(ARGV[1]), ARGV[2]
local deadline, holder = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (.*)$')
if holder and holder ~= owner and tonumber(deadline) > now then return 0 end
local until_then = string.format('%.0f', now + ARGV[3])
redis.call('SET', KEYS[1], until_then .. ' ' .. owner, 'PX', math.max(1, math.ceil(ARGV[3] / 1000)))
return 1
