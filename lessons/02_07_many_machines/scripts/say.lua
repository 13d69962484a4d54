-- Alguien habla. ARGV[3]: su número. ARGV[4]: cuántas veces ha hablado, con esta. ARGV[5]: bytes que
-- puede faltarle por oír al servidor que más atrasado va. ARGV[6]: lo que dice.
local client, turn, window, text = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
if not stands or redis.call('HEXISTS', members_of(epoch), client) == 0 then return 'lost' end
-- Ya lo dijo: lo que se perdió fue la respuesta.
if tonumber(redis.call('HGET', turns_of(epoch), client) or 0) >= turn then return 'done' end
local bytes = tonumber(redis.call('HGET', STATE, 'bytes') or 0)
for _, heard in ipairs(redis.call('HVALS', HEARD)) do
  if bytes - tonumber(heard) > window then return 'wait' end
end
redis.call('HSET', turns_of(epoch), client, turn)
append(#text, 'what', 'said', 'member', epoch .. '/' .. client, 'turn', turn, 'text', text)
return 'done'
