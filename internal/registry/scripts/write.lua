-- Writes changes of a generation's connections. The hash has these fields:
--   fence                   'open' while the generation may write
--   c<connection id>        "<bytes of namespace> <bytes of user> <namespace><user><value>"
--   n<namespace>  how many connections it has
--   u<bytes of namespace>:<namespace><user>  how many connections the user has in it
-- The same batch written twice changes nothing the second time.
-- KEYS connections   ARGV '+', id, record | '-', id, ...
-- Returns 1, or 0 if the generation may not write.
local hash = KEYS[1]
if redis.call('HGET', hash, 'fence') ~= 'open' then return 0 end

local function count(record, by)
  local n, u, start = string.match(record, '^(%d+) (%d+) ()')
  n, u = tonumber(n), tonumber(u)
  local namespace = string.sub(record, start, start + n - 1)
  local user = string.sub(record, start + n, start + n + u - 1)
  local names = {'n' .. namespace}
  if u > 0 then names[2] = 'u' .. n .. ':' .. namespace .. user end
  for _, name in ipairs(names) do
    if redis.call('HINCRBY', hash, name, by) <= 0 then redis.call('HDEL', hash, name) end
  end
end

local i = 1
while ARGV[i] do
  local field = 'c' .. ARGV[i + 1]
  local old = redis.call('HGET', hash, field)
  if ARGV[i] == '+' then
    if old ~= ARGV[i + 2] then
      if old then count(old, -1) end
      redis.call('HSET', hash, field, ARGV[i + 2])
      count(ARGV[i + 2], 1)
    end
    i = i + 3
  else
    if old then
      redis.call('HDEL', hash, field)
      count(old, -1)
    end
    i = i + 2
  end
end
return 1
