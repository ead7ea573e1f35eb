-- Begins every script. The directory is one hash with these fields, <g> being
-- "<node id>/<generation>":
--   l:<g>      "<ms when its lease ends> <its length>"; "0" if another took over its node id
--   i:<g>      what the node says of itself, opaque JSON
--   c:<g>      the <g> that tells of its end, as long as its own lease lasts; or ""
--   @:<id>     "<last generation> <its join attempt> <ms of its end, or 0>"
--   seen, calm when anybody renewed last; until when no lease counts as ended
-- It is one key, so that eviction takes all of it or nothing.

-- Redis's own time in ms. No script takes a time from a node.
local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local function text(n) return string.format('%.0f', n) end

-- Whether a generation may still act, and if not, why.
local function standing(dir, id, gen)
  local g = id .. '/' .. gen
  local lease = redis.call('HGET', dir, 'l:' .. g)
  if lease == '0' then return 'superseded' end
  if lease then
    if redis.call('HEXISTS', dir, 'c:' .. g) == 1 then return 'claimed' end
    return 'ok'
  end
  local last = redis.call('HGET', dir, '@:' .. id)
  if not last then return 'forgotten' end
  local n = tonumber(string.match(last, '^%d+'))
  if n > tonumber(gen) then return 'superseded' end
  if n == tonumber(gen) then return 'claimed' end
  return 'forgotten'
end

-- If nobody renewed for half a lease, then Redis was away, or its clock has
-- jumped, and a lease that has ended says nothing about its node.
local function silent(dir, now, lease)
  local seen = tonumber(redis.call('HGET', dir, 'seen') or '0')
  return now - seen > lease / 2 or seen > now
end

-- Whether a lease has ended. One that lasts longer than it may was given before
-- the clock of Redis went back.
local function lapsed(dir, lease, now)
  if lease == '0' then return true end
  local ends, length = string.match(lease, '^(%d+) (%d+)$')
  ends, length = tonumber(ends), tonumber(length)
  local calm = tonumber(redis.call('HGET', dir, 'calm') or '0')
  if calm > now or silent(dir, now, length) then return false end
  return ends <= now or ends - now > length
end

-- Somebody renews. After a silence all get one more lease to do so.
local function noticed(dir, now, lease)
  if silent(dir, now, lease) then redis.call('HSET', dir, 'calm', text(now + lease)) end
  redis.call('HSET', dir, 'seen', text(now))
end

-- Notes when the last generation of a node ended, so that it can be told later
-- that it has, and that sweep.lua knows since when nobody asks.
local function ended(dir, id, gen)
  local last = redis.call('HGET', dir, '@:' .. id)
  local n, made = string.match(last or '', '^(%d+) (%S+)')
  if n == gen then redis.call('HSET', dir, '@:' .. id, n .. ' ' .. made .. ' ' .. text(clock())) end
end
