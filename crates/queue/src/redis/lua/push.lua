-- push.lua   Makes entries known: ready those that are due, delayed the others.
-- An entry that is known keeps its place; one that is leased under its epoch or a higher one is left alone.
--
-- KEYS[1] life (string)   KEYS[2] lines (set)   KEYS[3] delayed (zset)   KEYS[4] leases (hash)   KEYS[5] workers (zset)
-- KEYS[6] claims (hash)
-- ARGV[1] skew   ARGV[2] prefix of ready keys   ARGV[3] the pusher's clock
-- ARGV[4...] by line: line, n, n * (member, ready_at)
-- -> how many were not known
--
-- Due is what is due by either clock: a pusher a few milliseconds ahead must not send everything it was given
-- "now" through the delayed set.
local due_by = math.max(clock(ARGV[1]), tonumber(ARGV[3]))
inherit(KEYS, ARGV[2])
local any_leased = redis.call('EXISTS', KEYS[4]) == 1
local any_delayed = redis.call('EXISTS', KEYS[3]) == 1
local added = 0

local function add(key, places)
  for from = 1, #places, CHUNK do
    added = added + redis.call('ZADD', key, 'NX', unpack(places, from, math.min(from + CHUNK - 1, #places)))
  end
end

each_line(4, 2, function(line, at, n)
  local ready = ARGV[2] .. line
  local members = {}
  for i = 1, n do members[i] = ARGV[at + 2 * (i - 1)] end
  local leases = any_leased and leases_of(KEYS[4], members) or {}

  local due, later, overdue, count = {}, {}, {}, 0
  for i, member in ipairs(members) do
    if not is_out(leases[i], member) then
      local ready_at = ARGV[at + 2 * i - 1]
      if tonumber(ready_at) <= due_by then
        count = count + 1
        due[2 * count - 1] = ready_at
        due[2 * count] = member
        if any_delayed then overdue[count] = member .. line end
      elseif not redis.call('ZSCORE', ready, member) then
        later[#later + 1] = ready_at
        later[#later + 1] = member .. line
      end
    end
  end

  if count > 0 then redis.call('SADD', KEYS[2], line) end
  add(ready, due)
  add(KEYS[3], later)
  -- What has become due since it was pushed first must not be in two places.
  variadic('ZREM', KEYS[3], overdue)
end)
return added
