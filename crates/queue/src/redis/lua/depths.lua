-- depths.lua   What waits in each line.
--
-- KEYS[1] lines (set)
-- ARGV[1] skew   ARGV[2] prefix of ready keys
-- -> now, then by line: line, how many, ready_at of the first
local answer = { clock(ARGV[1]) }
for _, line in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local head = redis.call('ZRANGE', ARGV[2] .. line, 0, 0, 'WITHSCORES')
  if head[1] then
    answer[#answer + 1] = line
    answer[#answer + 1] = redis.call('ZCARD', ARGV[2] .. line)
    answer[#answer + 1] = head[2]
  end
end
return answer
