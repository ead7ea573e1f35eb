-- Claims an ended generation, or asks whether the claim still holds. A claim
-- ends with the lease of the claimer.
-- KEYS directory   ARGV id, generation, dead g
-- Returns {'ok', info of the dead}, {'gone'}, {'taken'}, {'alive'} or {standing of the claimer}.
local dir, dead = KEYS[1], ARGV[3]
local state = standing(dir, ARGV[1], ARGV[2])
if state ~= 'ok' then return {state, ''} end
local lease = redis.call('HGET', dir, 'l:' .. dead)
if not lease then return {'gone', ''} end
local me, now = ARGV[1] .. '/' .. ARGV[2], clock()
local claim = redis.call('HGET', dir, 'c:' .. dead)
if not claim then
  if not lapsed(dir, lease, now) then return {'alive', ''} end
elseif claim ~= '' and claim ~= me then
  local other = redis.call('HGET', dir, 'l:' .. claim)
  if other and not lapsed(dir, other, now) then return {'taken', ''} end
end
redis.call('HSET', dir, 'c:' .. dead, me)
return {'ok', redis.call('HGET', dir, 'i:' .. dead) or ''}
