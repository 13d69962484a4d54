-- Un servidor nuevo, o el mismo que se perdió y vuelve con otra identidad.
-- ARGV[3]: milisegundos que vive sin latir. ARGV[4]: la identidad que tenía, o nada.
local lease, previous = tonumber(ARGV[3]), ARGV[4]
if not stands then
  if redis.call('HGET', LINKS, previous) then bury(previous) end
  local moment = now()
  redis.call('HSET', LINKS, epoch, link)
  redis.call('ZADD', SERVERS, moment + lease, epoch)
  redis.call('HSET', STEADY, epoch, moment)
  redis.call('HSET', HEARD, epoch, redis.call('HGET', STATE, 'bytes') or 0)
end
local last = redis.call('XREVRANGE', STREAM, '+', '-', 'COUNT', 1)[1]
return {
  redis.call('HGET', STATE, 'n') or '0',
  redis.call('HGET', STATE, 'bytes') or '0',
  last and last[1] or '0-0',
}
