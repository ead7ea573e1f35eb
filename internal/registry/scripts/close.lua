-- Closes the connections of a claimed generation: its node writes no more.
-- KEYS connections   ARGV retention
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HSET', KEYS[1], 'fence', 'closed')
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return 1
