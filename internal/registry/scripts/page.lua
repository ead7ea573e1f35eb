-- Reads connections of a generation. It is a script because these always run on
-- the master: a replica may lack the last ones.
-- KEYS connections   ARGV cursor, about how many
-- Returns {cursor, fields and values}.
return redis.call('HSCAN', KEYS[1], ARGV[1], 'MATCH', 'c*', 'COUNT', ARGV[2])
