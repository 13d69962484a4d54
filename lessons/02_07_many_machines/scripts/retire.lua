-- Un servidor que se detiene, y lo dice.
if not stands then return 'lost' end
bury(epoch)
return 'done'
