-- Un latido: sigo aquí. De paso, entierra a los que no latieron a tiempo.
-- ARGV[3]: milisegundos que vive sin latir. ARGV[4]: por qué entrada va.
local lease = tonumber(ARGV[3])
-- Si el intermediario recuerda menos de lo que el servidor ya leyó, olvidó algo: se empieza de nuevo.
if not stands or tonumber(redis.call('HGET', STATE, 'n') or 0) < tonumber(ARGV[4]) then
  return 'lost'
end
local moment = now()
local last = tonumber(redis.call('ZSCORE', SERVERS, epoch)) - lease
if moment - last > lease * 2 / 3 then redis.call('HSET', STEADY, epoch, moment) end
redis.call('ZADD', SERVERS, moment + lease, epoch)
-- Quien acaba de volver no sabe si faltaban los demás o el intermediario: les da un plazo entero.
if moment - tonumber(redis.call('HGET', STEADY, epoch)) >= lease then
  for _, server in ipairs(redis.call('ZRANGEBYSCORE', SERVERS, '-inf', '(' .. moment)) do
    bury(server)
  end
end
return 'done'
