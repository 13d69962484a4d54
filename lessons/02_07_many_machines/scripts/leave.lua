-- Alguien se va. ARGV[3]: su número.
if not stands then return 'lost' end
local record = redis.call('HGET', members_of(epoch), ARGV[3])
if record then part(epoch, ARGV[3], record) end
return 'done'
