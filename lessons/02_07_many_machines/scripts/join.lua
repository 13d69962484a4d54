-- Alguien quiere entrar con un nombre.
-- ARGV[3]: su número. ARGV[4]: el nombre, sin distinguir mayúsculas. ARGV[5]: tal como lo escribió.
-- ARGV[6]: su dirección. ARGV[7]: hasta cuándo vivía el dueño del nombre la otra vez que se preguntó.
local client, folded, name, address, witness = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
if not stands then return 'lost' end
if redis.call('HEXISTS', members_of(epoch), client) == 1 then return 'done' end
local owner = redis.call('HGET', NAMES, folded)
if owner then
  local server = owner:match('^[^/]+')
  local expiry = redis.call('ZSCORE', SERVERS, server) or '0'
  if server == epoch or (witness ~= '' and witness ~= expiry) then return 'taken' end
  -- Es de otro servidor, que quizá haya muerto: se sabrá cuando lata, o cuando se le entierre.
  return 'wait ' .. expiry
end
local member = epoch .. '/' .. client
redis.call('HSET', NAMES, folded, member)
redis.call('HSET', members_of(epoch), client, folded .. '\t' .. name .. '\t' .. address)
append(0, 'what', 'joined', 'member', member, 'name', name, 'address', address,
  'count', redis.call('HLEN', NAMES))
return 'done'
