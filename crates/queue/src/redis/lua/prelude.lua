-- prelude.lua   Stands before every script (see scripts.rs): what more than one of them needs.
--
-- What is done for each entry makes as few strings as it can, counts instead of asking a table for its length, which searches
-- for its end, and takes functions from locals.
local sub, byte, pack, unpacked = string.sub, string.byte, struct.pack, struct.unpack

-- Most values handed to one command: `unpack` puts them on Lua's C stack, which holds 8,000.
local CHUNK = 1000

-- Whether this is what the name of a line looks like: a queue and a priority, of a length that a lease can state. Others were not
-- written by us.
local function is_line(name) return #name < 256 and string.find(name, '^[%w._-]+:[1-4]$') end

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
local function id_of(member) return sub(member, 1, 16) end
local function epoch_of(member) return (unpacked('>I4', member, 17)) end

-- A lease is: epoch (4), since (8), ready_at (8), padding (44), length of the line's name (1), the name, the worker.
-- The padding makes it longer than 64 bytes: a hash of up to 512 shorter values is a list to Redis, searched from its
-- beginning for each field.
local LEASE = 65
local PADDING = string.rep('\0', 44)
-- A function that makes the leases of one worker on entries of one line.
local function leaser(line, worker)
  local rest = PADDING .. string.char(#line) .. line .. worker
  return function(member, since, ready_at) return sub(member, 17, 20) .. pack('>i8i8', since, ready_at) .. rest end
end
local function worker_of(lease) return sub(lease, LEASE + 1 + byte(lease, LEASE)) end
-- Epoch and holder of a lease. 0 when there is none or somebody else wrote it: then any entry may take its place.
local function holder_of(lease)
  if not lease or #lease < LEASE then return 0, '' end
  return unpacked('>I4', lease), worker_of(lease)
end
-- Whether a lease is this worker's, under the member's epoch.
local function is_held(lease, member, worker)
  return lease and #lease >= LEASE and sub(lease, 1, 4) == sub(member, 17, 20) and worker_of(lease) == worker
end
-- Whether a lease keeps an entry from being given out: it is under the same epoch or a higher one.
local function is_out(lease, member) return holder_of(lease) >= epoch_of(member) end

-- The leases of these members' jobs, in order, false where there is none; and their ids.
local function leases_of(key, members)
  local leases, ids, count = {}, {}, #members
  for i = 1, count do ids[i] = id_of(members[i]) end
  for from = 1, count, CHUNK do
    local found = redis.call('HMGET', key, unpack(ids, from, math.min(from + CHUNK - 1, count)))
    for i = 1, #found do leases[from + i - 1] = found[i] end
  end
  return leases, ids
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
