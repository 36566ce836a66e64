-- sizes.lua   How large each structure of a shard is.
--
-- KEYS[1] lines (set)   KEYS[2] delayed (zset)   KEYS[3] leases (hash)   KEYS[4] workers (zset)
-- ARGV[1] skew   ARGV[2] prefix of ready keys
-- -> ready, delayed, leased, workers alive, bytes of ready, of delayed, of leased
local function bytes(key)
  return redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 5) or 0
end
local ready, ready_bytes = 0, 0
for _, line in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  ready = ready + redis.call('ZCARD', ARGV[2] .. line)
  ready_bytes = ready_bytes + bytes(ARGV[2] .. line)
end
local now = clock(ARGV[1])
return {
  ready, redis.call('ZCARD', KEYS[2]), redis.call('HLEN', KEYS[3]), redis.call('ZCOUNT', KEYS[4], string.format('(%.0f', now), '+inf'),
  ready_bytes, bytes(KEYS[2]), bytes(KEYS[3]),
}
