-- extend.lua   A worker's heartbeat in one shard: all its leases live on; those the server has lost are made again.
--
-- KEYS[1] leases (hash)   KEYS[2] workers (zset)
-- ARGV[1] skew   ARGV[2] worker   ARGV[3] ttl, us   ARGV[4...] what it holds: (member, since)
-- -> two lists of ids: those that others hold, or that are out under a higher epoch; those made again
local worker, members, sinces = ARGV[2], {}, {}
for i = 4, #ARGV, 2 do
  members[#members + 1] = ARGV[i]
  sinces[#sinces + 1] = tonumber(ARGV[i + 1])
end
local lost, again, fields = {}, {}, {}
local leases, ids = leases_of(KEYS[1], members)
local lease_of = leaser('', worker)
for i, lease in ipairs(leases) do
  local epoch, holder = holder_of(lease)
  local held = epoch_of(members[i])
  if epoch < held then
    again[#again + 1] = ids[i]
    fields[#fields + 1] = ids[i]
    -- Its place in line is not known any more, and not needed: whoever gives it back says where.
    fields[#fields + 1] = lease_of(members[i], sinces[i], 0)
  elseif epoch > held or holder ~= worker then
    lost[#lost + 1] = ids[i]
  end
end
redis.call('ZADD', KEYS[2], clock(ARGV[1]) + ARGV[3], worker)
variadic('HSET', KEYS[1], fields)
return { lost, again }
