-- The directory as it is now.
-- KEYS directory   Returns {now, fields and values}.
return {text(clock()), redis.call('HGETALL', KEYS[1])}
