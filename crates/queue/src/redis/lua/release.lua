-- release.lua   Puts entries that this worker has leased back to where they stood; others are left alone.
--
-- KEYS[1] lines (set)   KEYS[2] leases (hash)
-- ARGV[1] worker   ARGV[2] prefix of ready keys   ARGV[3...] by line: line, n, n * (member, ready_at)
-- -> how many were put back
local worker, released = ARGV[1], 0
each_line(3, 2, function(line, at, n)
  local members, places, released_ids = {}, {}, {}
  for i = 1, n do members[i] = ARGV[at + 2 * (i - 1)] end
  local leases, ids = leases_of(KEYS[2], members)
  for i, member in ipairs(members) do
    if is_held(leases[i], member, worker) then
      places[#places + 1] = ARGV[at + 2 * i - 1]
      places[#places + 1] = member
      released_ids[#released_ids + 1] = ids[i]
    end
  end
  if #released_ids > 0 then redis.call('SADD', KEYS[1], line) end
  variadic('ZADD', ARGV[2] .. line, places)
  variadic('HDEL', KEYS[2], released_ids)
  released = released + #released_ids
end)
return released
