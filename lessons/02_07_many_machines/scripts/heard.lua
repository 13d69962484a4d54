-- Los de este servidor lo han oído todo hasta aquí: quien esperaba para hablar, que pruebe.
-- ARGV[3]: los bytes que van.
if not stands then return 'lost' end
redis.call('HSET', HEARD, epoch, ARGV[3])
append(0, 'what', 'heard', 'member', epoch)
return 'done'
