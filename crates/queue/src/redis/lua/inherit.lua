-- inherit.lua   Sees to it that a shard has nothing of an earlier life; see the prelude.
--
-- KEYS[1] life (string)   KEYS[2] lines (set)   KEYS[3] delayed (zset)   KEYS[4] leases (hash)   KEYS[5] workers (zset)
-- KEYS[6] claims (hash)
-- ARGV[1] prefix of ready keys
-- -> how many keys were dropped
return inherit(KEYS, ARGV[1])
