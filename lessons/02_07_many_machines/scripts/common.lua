-- Lo que comparten los guiones. Redis ejecuta cada uno entero, sin que nada ocurra entre medias.
--
-- KEYS[1]: el prefijo de todas las claves. Lleva llaves para que, en un clúster, caigan juntas.
-- ARGV[1]: la identidad del servidor que pregunta. ARGV[2]: el número de su conexión.

local function key(name) return KEYS[1] .. ':' .. name end

local STREAM = key('stream')   -- lo que ocurre, en orden: la única verdad
local STATE = key('state')     -- n: cuántas entradas ha habido; bytes: cuánto sumaban
local MARKS = key('marks')     -- por qué entrada iba la cuenta en cada mebibyte
local NAMES = key('names')     -- de quién es cada nombre
local SERVERS = key('servers') -- hasta cuándo vive cada servidor, en milisegundos
local STEADY = key('steady')   -- desde cuándo late sin faltas
local HEARD = key('heard')     -- cuántos bytes han oído ya todos los suyos
local LINKS = key('links')     -- el número de su última conexión

local epoch, link = ARGV[1], tonumber(ARGV[2])

local function members_of(server) return key('members:' .. server) end
local function turns_of(server) return key('turns:' .. server) end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Una orden que se quedó en una conexión vieja, y llega después que las de la nueva, ya no vale.
local last_link = redis.call('HGET', LINKS, epoch)
if last_link and tonumber(last_link) > link then return 'stale' end
if last_link and tonumber(last_link) < link then redis.call('HSET', LINKS, epoch, link) end

-- Si quien pregunta sigue siendo un servidor del chat: nadie lo ha enterrado.
local stands = last_link ~= false

-- Lo que cuesta guardar una entrada, además de su texto, y cuánto se guarda: lo que haya oído
-- todo el mundo hace tiempo solo lo quiere quien estuvo lejos.
local OVERHEAD, MARK, KEPT = 64, 1048576, 16

local function append(size, ...)
  local n = redis.call('HINCRBY', STATE, 'n', 1)
  local bytes = redis.call('HINCRBY', STATE, 'bytes', size + OVERHEAD)
  redis.call('XADD', STREAM, '*', 'n', n, 'bytes', bytes, ...)
  local mark = math.floor(bytes / MARK)
  if mark > math.floor((bytes - size - OVERHEAD) / MARK) then
    redis.call('HSET', MARKS, mark, n)
    local old = redis.call('HGET', MARKS, mark - KEPT)
    if old then
      redis.call('XTRIM', STREAM, 'MAXLEN', n - old)
      redis.call('HDEL', MARKS, mark - KEPT)
    end
  end
end

local function part(server, client, record)
  local folded, name, address = record:match('^(.-)\t(.-)\t(.*)$')
  redis.call('HDEL', NAMES, folded)
  redis.call('HDEL', members_of(server), client)
  redis.call('HDEL', turns_of(server), client)
  append(0, 'what', 'left', 'member', server .. '/' .. client, 'name', name, 'address', address)
end

-- Un servidor que se va, o que se fue sin decirlo: salen los suyos, por orden de llegada.
local function bury(server)
  local records, clients = {}, {}
  local all = redis.call('HGETALL', members_of(server))
  for index = 1, #all, 2 do
    clients[#clients + 1] = all[index]
    records[all[index]] = all[index + 1]
  end
  table.sort(clients, function(one, other) return tonumber(one) < tonumber(other) end)
  for _, client in ipairs(clients) do part(server, client, records[client]) end
  redis.call('DEL', members_of(server), turns_of(server))
  redis.call('ZREM', SERVERS, server)
  redis.call('HDEL', STEADY, server)
  redis.call('HDEL', HEARD, server)
  redis.call('HDEL', LINKS, server)
  append(0, 'what', 'gone', 'member', server)
end
