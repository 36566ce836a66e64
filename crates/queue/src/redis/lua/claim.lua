-- claim.lua   Moves ready entries to leases, in the order of ready_at + rank * step, and says which.
-- Asked twice under the same number it gives the same answer: the first may have been lost on its way.
--
-- KEYS[1] life (string)   KEYS[2] lines (set)   KEYS[3] delayed (zset)   KEYS[4] leases (hash)   KEYS[5] workers (zset)
-- KEYS[6] claims (hash)
-- ARGV[1] skew   ARGV[2] prefix of ready keys   ARGV[3] worker   ARGV[4] number of the claim (8 bytes)
-- ARGV[5] limit   ARGV[6] aging step, us   ARGV[7] lease, us   ARGV[8...] the lines served; none: every line
-- -> now, how many stale entries were dropped, then by run: line, n, n * (member, ready_at)
inherit(KEYS, ARGV[2])
local now, worker, number = clock(ARGV[1]), ARGV[3], ARGV[4]
local wanted, step = tonumber(ARGV[5]), tonumber(ARGV[6])
-- Bounds the time that a line full of rubbish takes; whoever gets nothing but dropped entries asks again.
local patience = wanted + CHUNK

local last = redis.call('HGET', KEYS[6], worker)
if last and string.sub(last, 1, 8) == number then
  local again = { now, 0 }
  for at = 9, #last, 16 do
    local id = string.sub(last, at, at + 15)
    local lease = redis.call('HGET', KEYS[4], id)
    local _, holder = holder_of(lease)
    if lease and holder == worker then
      local _, _, ready_at = struct.unpack('>I4i8i8', lease)
      local length = string.byte(lease, LEASE)
      if length > 0 then
        local answer = { string.sub(lease, LEASE + 1, LEASE + length), 1, id .. string.sub(lease, 1, 4), ready_at }
        for _, value in ipairs(answer) do again[#again + 1] = value end
      end
    end
  end
  return again
end

local heads, emptied = {}, {}
local function look(line)
  local key = ARGV[2] .. line
  local head = is_line(line) and redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if head and head[1] then
    local penalty = (tonumber(string.sub(line, -1)) - 1) * step
    local score = tonumber(head[2])
    return { line = line, key = key, penalty = penalty, score = score, due = score + penalty }
  end
  emptied[#emptied + 1] = line
end

if ARGV[8] then
  local lines = {}
  for i = 8, #ARGV do lines[i - 7] = ARGV[i] end
  for from = 1, #lines, CHUNK do
    local known = redis.call('SMISMEMBER', KEYS[2], unpack(lines, from, math.min(from + CHUNK - 1, #lines)))
    for i, is in ipairs(known) do
      if is == 1 then heads[#heads + 1] = look(lines[from + i - 1]) end
    end
  end
else
  for _, line in ipairs(redis.call('SMEMBERS', KEYS[2])) do heads[#heads + 1] = look(line) end
end

-- From here on there are writes; everything they touch has been read, so that a key of the wrong type fails before them.
local deadline = tonumber(redis.call('ZSCORE', KEYS[5], worker) or 0)
local answer, ids, dropped = { now, 0 }, { number }, 0
while wanted > 0 and patience > 0 and #heads > 0 do
  local first, second = 1, nil
  for i = 2, #heads do
    if heads[i].due < heads[first].due then
      first, second = i, heads[first].due
    elseif not second or heads[i].due < second then
      second = heads[i].due
    end
  end

  -- The run: what stands in this line before the head of the next. Never less than its own head, whatever rounding does to
  -- scores that are no moments.
  local head = heads[first]
  local bound = second and math.max(second - head.penalty, head.score) or '+inf'
  local run = redis.call('ZRANGE', head.key, '-inf', bound, 'BYSCORE', 'LIMIT', 0, wanted, 'WITHSCORES')
  local members = {}
  for i = 1, #run / 2 do members[i] = run[2 * i - 1] end
  local leases, their_ids = leases_of(KEYS[4], members)

  local lease, fields, count = leaser(head.line, worker), {}, 0
  local at, known = #answer, #ids
  for i, member in ipairs(members) do
    local ready_at = run[2 * i]
    if #member == 20 and not is_out(leases[i], member) then
      count = count + 1
      answer[at + 2 * count + 1] = member
      answer[at + 2 * count + 2] = ready_at
      ids[known + count] = their_ids[i]
      fields[2 * count - 1] = their_ids[i]
      fields[2 * count] = lease(member, now, ready_at)
    end
  end
  if count > 0 then answer[at + 1], answer[at + 2] = head.line, count end
  wanted = wanted - count
  dropped = dropped + #members - count
  patience = patience - #members

  -- Freeing before taking: a server that is out of memory refuses a script whose first write needs some.
  redis.call('ZREMRANGEBYRANK', head.key, 0, #members - 1)
  variadic('HSET', KEYS[4], fields)
  local next_head = look(head.line)
  if next_head then heads[first] = next_head else table.remove(heads, first) end
end

if #ids > 1 then
  redis.call('HSET', KEYS[6], worker, table.concat(ids))
  -- Only for a worker that is not known, or whose time is up: what it takes would be expired at once.
  if deadline <= now then redis.call('ZADD', KEYS[5], now + ARGV[7], worker) end
end
variadic('SREM', KEYS[2], emptied)
answer[2] = dropped
return answer
