-- unknown.lua   Of these entries, those that are neither ready nor delayed nor leased under their epoch.
--
-- KEYS[1] lines (set)   KEYS[2] delayed (zset)   KEYS[3] leases (hash)
-- ARGV[1] prefix of ready keys   ARGV[2...] by line: line, n, n * member
-- -> their members
local answer = {}
local function scores(key, members)
  local found = {}
  for from = 1, #members, CHUNK do
    local part = redis.call('ZMSCORE', key, unpack(members, from, math.min(from + CHUNK - 1, #members)))
    for i, score in ipairs(part) do found[from + i - 1] = score end
  end
  return found
end

each_line(2, 1, function(line, at, n)
  local members, delayed = {}, {}
  for i = 1, n do
    members[i] = ARGV[at + i - 1]
    delayed[i] = members[i] .. line
  end
  -- A line that is not in the set of lines is one that no claim looks at.
  local listed = redis.call('SISMEMBER', KEYS[1], line) == 1
  local ready = listed and scores(ARGV[1] .. line, members) or {}
  local later = scores(KEYS[2], delayed)
  for i, lease in ipairs(leases_of(KEYS[3], members)) do
    if not ready[i] and not later[i] and holder_of(lease) ~= epoch_of(members[i]) then
      answer[#answer + 1] = members[i]
    end
  end
end)
return answer
