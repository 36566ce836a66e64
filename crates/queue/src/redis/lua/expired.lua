-- expired.lua   One step of a walk over the leases: those whose worker fell silent, or is not known.
--
-- KEYS[1] leases (hash)   KEYS[2] workers (zset)
-- ARGV[1] skew   ARGV[2] cursor   ARGV[3] count
-- -> next cursor (0: the walk is over), now, how many workers fell silent, then: id, lease, id, lease, ...
local now = clock(ARGV[1])
local step = redis.call('HSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3])
local answer = { step[1], now, redis.call('ZCOUNT', KEYS[2], '-inf', now) }
local alive, rubbish = {}, {}
for i = 1, #step[2], 2 do
  local id, lease = step[2][i], step[2][i + 1]
  local epoch, holder = holder_of(lease)
  if epoch == 0 or #id ~= 16 then
    rubbish[#rubbish + 1] = id
  else
    if alive[holder] == nil then
      alive[holder] = tonumber(redis.call('ZSCORE', KEYS[2], holder) or 0) > now
    end
    if not alive[holder] then
      answer[#answer + 1] = id
      answer[#answer + 1] = lease
    end
  end
end
variadic('HDEL', KEYS[1], rubbish)
return answer
