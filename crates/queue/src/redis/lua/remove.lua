-- remove.lua   Forgets entries: ready, delayed, or leased under their epoch or a lower one.
--
-- KEYS[1] lines (set)   KEYS[2] delayed (zset)   KEYS[3] leases (hash)
-- ARGV[1] prefix of ready keys   ARGV[2...] by line: line, n, n * member
-- -> nothing
each_line(2, 1, function(line, at, n)
  local ready = ARGV[1] .. line
  local members, delayed, leased = {}, {}, {}
  for i = 1, n do
    members[i] = ARGV[at + i - 1]
    delayed[i] = members[i] .. line
  end
  local leases, ids = leases_of(KEYS[3], members)
  for i, lease in ipairs(leases) do
    if lease and holder_of(lease) <= epoch_of(members[i]) then leased[#leased + 1] = ids[i] end
  end
  variadic('ZREM', ready, members)
  variadic('ZREM', KEYS[2], delayed)
  variadic('HDEL', KEYS[3], leased)
  if redis.call('EXISTS', ready) == 0 then redis.call('SREM', KEYS[1], line) end
end)
