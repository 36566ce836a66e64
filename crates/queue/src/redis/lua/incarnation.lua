-- incarnation.lua   The name of this server's content: whoever finds none gives it one.
--
-- KEYS[1] incarnation (string)
-- ARGV[1] a fresh name
-- -> the name in force
local name = redis.pcall('GET', KEYS[1])
if type(name) == 'string' then return name end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
