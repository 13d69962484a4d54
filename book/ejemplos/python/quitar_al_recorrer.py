"""Quitar de un diccionario mientras se recorre: Python lo dice cuando ya está en marcha."""

clients = {1: "ana", 2: "beto", 3: "eva"}
gone = {2}

try:
    # ANCHOR: slip
    for id in clients:
        if id in gone:
            del clients[id]
    # ANCHOR_END: slip
except RuntimeError as error:
    print(f"RuntimeError: {error}")

clients = {1: "ana", 2: "beto", 3: "eva"}
# ANCHOR: way_out
clients = {id: it for id, it in clients.items() if id not in gone}
# ANCHOR_END: way_out
print(clients)
