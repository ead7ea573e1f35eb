-- Writes changes of a generation's connections.
-- The same batch written twice changes nothing the second time.
-- KEYS connections   ARGV '+', id, record, when it came or '' | '-', id, ...
-- Returns 1, or 0 if the generation may not write.
if redis.call('HGET', hash, 'fence') ~= 'open' then return 0 end

local i = 1
while ARGV[i] do
  local id = ARGV[i + 1]
  local old = redis.call('HGET', hash, 'c' .. id)
  if ARGV[i] == '+' then
    local record, came = ARGV[i + 2], ARGV[i + 3]
    if old ~= record then
      if old then count(old, -1) end
      redis.call('HSET', hash, 'c' .. id, record)
      count(record, 1)
    end
    if came ~= '' then redis.call('HSET', hash, 'm' .. id, came) end
    i = i + 4
  else
    if old then remove(id, old) end
    i = i + 2
  end
end
return 1
