-- report.lua   Keeps what a process has to report in place of what it reported before.
--
-- KEYS[1] reports (hash)
-- ARGV[1] skew   ARGV[2] process   ARGV[3] its report   ARGV[4] how long a report is kept, us
-- -> nothing
local found = redis.call('TYPE', KEYS[1]).ok
if found ~= 'hash' and found ~= 'none' then redis.call('UNLINK', KEYS[1]) end
redis.call('HSET', KEYS[1], ARGV[2], struct.pack('>i8', clock(ARGV[1])) .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[4] / 1000))
