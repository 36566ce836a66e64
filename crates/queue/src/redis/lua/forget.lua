-- forget.lua   Takes workers off the list that had fallen silent by then and were seen to hold nothing.
--
-- KEYS[1] workers (zset)   KEYS[2] claims (hash)
-- ARGV[1] then, us
-- -> how many
local workers = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, CHUNK)
variadic('ZREM', KEYS[1], workers)
variadic('HDEL', KEYS[2], workers)
return #workers
