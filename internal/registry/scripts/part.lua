-- Removes what a generation has of connections that have come to another node
-- since. One that has come back meanwhile stays. It works on living generations
-- and on claimed ones.
-- KEYS connections   ARGV id, when it came, ...
-- Returns how many it removed.
local parted = 0
for i = 1, #ARGV, 2 do
  local record = redis.call('HGET', hash, 'c' .. ARGV[i])
  if record and tonumber(redis.call('HGET', hash, 'm' .. ARGV[i]) or '0') < tonumber(ARGV[i + 1]) then
    remove(ARGV[i], record)
    parted = parted + 1
  end
end
return parted
