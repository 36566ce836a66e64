-- prelude.lua   Stands before every script (see scripts.rs): what more than one of them needs.

-- Most values handed to one command: `unpack` puts them on Lua's C stack, which holds 8,000.
local CHUNK = 1000

-- What the name of a line looks like: a queue and a priority. Others were not written by us.
local LINE = '^[%w._-]+:[1-4]$'

-- Microseconds since 1970 by this server's clock; `skew` is 0 but in tests. Exact in a double until the year 2255.
local function clock(skew)
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2] + skew
end

-- command(key, values...), in as many calls as the values need; none when there are none.
local function variadic(command, key, values)
  for from = 1, #values, CHUNK do
    redis.call(command, key, unpack(values, from, math.min(from + CHUNK - 1, #values)))
  end
end

-- A member of a ready line is an id (16 bytes) and an epoch (4). As numbers, because Lua compares strings by locale.
local function id_of(member) return string.sub(member, 1, 16) end
local function epoch_of(member) return (struct.unpack('>I4', member, 17)) end

-- A lease is: epoch (4), since (8), ready_at (8), padding (44), length of the line's name (1), the name, the worker.
-- The padding makes it longer than 64 bytes: a hash of up to 512 shorter values is a list to Redis, searched from its
-- beginning for each field.
local LEASE = 65
local PADDING = string.rep('\0', 44)
local function pack_lease(member, since, ready_at, line, worker)
  return string.sub(member, 17, 20) .. struct.pack('>i8i8', since, ready_at) .. PADDING .. string.char(#line) .. line .. worker
end
-- Epoch and holder of a lease. 0 when there is none or somebody else wrote it: then any entry may take its place.
local function holder_of(lease)
  if not lease or #lease < LEASE then return 0, '' end
  return struct.unpack('>I4', lease), string.sub(lease, LEASE + 1 + string.byte(lease, LEASE))
end

-- The leases of these members' jobs, in order; false where there is none.
local function leases_of(key, members)
  local leases = {}
  for from = 1, #members, CHUNK do
    local ids = {}
    for i = from, math.min(from + CHUNK - 1, #members) do ids[#ids + 1] = id_of(members[i]) end
    for i, lease in ipairs(redis.call('HMGET', key, unpack(ids))) do leases[from + i - 1] = lease end
  end
  return leases
end

-- Walks arguments that come grouped by line, from ARGV[at] on: line, n, then n times `width` values.
-- Calls visit(line, at, n), where ARGV[at] is the first of these values.
local function each_line(at, width, visit)
  while at <= #ARGV do
    local line, n = ARGV[at], tonumber(ARGV[at + 1])
    visit(line, at + 2, n)
    at = at + 2 + n * width
  end
end

-- Which life of which server this is.
local function present_life() return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') end

-- Drops what a shard has from another life: a server that restarts with its file, or takes over from another, may have an older content
-- than was there last. An entry that stands in line in it was perhaps claimed since, and would be given out twice under one epoch.
-- What follows is as after a flush. A shard without a life is empty, or of this one: whoever pushes first gives it one.
-- `keys` are life, lines, delayed, leases, workers, claims.
local function inherit(keys, prefix)
  local life, present = redis.pcall('GET', keys[1]), present_life()
  if life == present then return 0 end
  local dropped = 0
  if life then
    local lines = redis.pcall('SMEMBERS', keys[2])
    for _, line in ipairs(lines) do dropped = dropped + redis.call('UNLINK', prefix .. line) end
    for i = 2, 6 do dropped = dropped + redis.call('UNLINK', keys[i]) end
  end
  redis.call('SET', keys[1], present)
  return dropped
end
