-- The generations of nodes that are not forgotten, living or not.
-- KEYS directory   ARGV id, ...   Returns {g, ...}.
local asked, found = {}, {}
for _, id in ipairs(ARGV) do asked[id] = true end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local id, generation = string.match(field, '^l:(.*)/(%d+)$')
  if id and asked[id] then found[#found + 1] = id .. '/' .. generation end
end
return found
