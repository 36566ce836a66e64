-- reports.lua   What processes have reported; forgets what is too old.
--
-- KEYS[1] reports (hash: process -> when, 8 bytes, and its report)
-- ARGV[1] skew   ARGV[2] how long a report is kept, us
-- -> by process: age in us, report
local now, kept = clock(ARGV[1]), tonumber(ARGV[2])
local all = redis.call('HGETALL', KEYS[1])
local answer, old = {}, {}
for i = 1, #all, 2 do
  local value = all[i + 1]
  local age = #value >= 8 and now - struct.unpack('>i8', value)
  if age and age <= kept then
    answer[#answer + 1] = age
    answer[#answer + 1] = string.sub(value, 9)
  else
    old[#old + 1] = all[i]
  end
end
variadic('HDEL', KEYS[1], old)
return answer
