-- Begins the scripts that change connections. Those of a generation are one hash
-- with these fields:
--   fence                   'open' while the generation may write
--   c<connection id>        "<bytes of namespace> <bytes of user> <namespace><user><value>"
--   m<connection id>        when it came from another node, if it did; grows with each time
--   n<namespace>  how many connections it has
--   u<bytes of namespace>:<namespace><user>  how many connections the user has in it
local hash = KEYS[1]

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

local function remove(id, record)
  redis.call('HDEL', hash, 'c' .. id, 'm' .. id)
  count(record, -1)
end

