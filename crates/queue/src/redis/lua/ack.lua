-- ack.lua   Drops leases that this worker holds under these epochs; others are left alone.
--
-- KEYS[1] leases (hash)
-- ARGV[1] worker   ARGV[2...] members
-- -> how many were dropped
local worker, members, ended, count = ARGV[1], {}, {}, 0
for i = 2, #ARGV do members[i - 1] = ARGV[i] end
local leases, ids = leases_of(KEYS[1], members)
for i, member in ipairs(members) do
  if is_held(leases[i], member, worker) then
    count = count + 1
    ended[count] = ids[i]
  end
end
variadic('HDEL', KEYS[1], ended)
return count
