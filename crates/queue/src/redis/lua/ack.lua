-- ack.lua   Drops leases that this worker holds under these epochs; others are left alone.
--
-- KEYS[1] leases (hash)
-- ARGV[1] worker   ARGV[2...] members
-- -> how many were dropped
local worker, members, ended = ARGV[1], {}, {}
for i = 2, #ARGV do members[i - 1] = ARGV[i] end
for i, lease in ipairs(leases_of(KEYS[1], members)) do
  local epoch, holder = holder_of(lease)
  if holder == worker and epoch == epoch_of(members[i]) then ended[#ended + 1] = id_of(members[i]) end
end
variadic('HDEL', KEYS[1], ended)
return #ended
