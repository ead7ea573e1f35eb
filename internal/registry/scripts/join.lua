-- Begins a generation of a node.
-- KEYS directory, tag
-- ARGV id, attempt, instance, lease, tag's rest, retention, info, previous g or ''
-- Returns {'ok', generation, now, '1' if previous is gone} or {'tag'}.
local dir, tag = KEYS[1], KEYS[2]
local id, attempt, lease = ARGV[1], ARGV[2], tonumber(ARGV[4])
local owner = redis.call('GET', tag)
if owner and owner ~= ARGV[3] then return {'tag'} end
local now = clock()
-- A generation is a time as well, so it grows even if Redis has lost the last one.
local gen, gone = now, 1
if ARGV[8] ~= '' then
  gone = 1 - redis.call('HEXISTS', dir, 'l:' .. ARGV[8])
  gen = math.max(gen, tonumber(string.match(ARGV[8], '%d+$')) + 1)
end
local last = redis.call('HGET', dir, '@:' .. id)
if last then
  local n, made = string.match(last, '^(%d+) (%S+)')
  if made == attempt and standing(dir, id, n) == 'ok' then
    return {'ok', n, text(now), text(gone)} -- the answer was lost on its way
  end
  if tonumber(n) >= gen then gen = tonumber(n) + 1 end
  -- One process has a node id. Whoever had it before is over at once.
  local before = 'l:' .. id .. '/' .. n
  if redis.call('HEXISTS', dir, before) == 1 then redis.call('HSET', dir, before, '0') end
end

local g = id .. '/' .. text(gen)
noticed(dir, now, lease)
redis.call('HSET', dir, '@:' .. id, text(gen) .. ' ' .. attempt .. ' 0',
  'l:' .. g, text(now + lease) .. ' ' .. text(lease), 'i:' .. g, ARGV[7])
redis.call('PEXPIRE', dir, ARGV[6])
redis.call('SET', tag, ARGV[3], 'PX', ARGV[5])
return {'ok', text(gen), text(now), text(gone)}
