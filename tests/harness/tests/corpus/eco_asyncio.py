"""Ecos con asyncio, en Python: el argumento dice cuál."""

import asyncio
import contextlib
import os
import signal
import sys

WHICH = sys.argv[1]


async def attend(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            if WHICH != "sin_drain":  # guardarlo todo es raro, y vale
                await (asyncio.sleep(0) if WHICH == "aborta" else writer.drain())
        if WHICH == "aborta":  # lo que quede por escribir se pierde
            writer.transport.abort()
        writer.close()
        await writer.wait_closed()


async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, os._exit, 0)
    server = await asyncio.start_server(attend, "127.0.0.1", 0, backlog=1024)
    print("Escuchando en %s:%d" % server.sockets[0].getsockname(), flush=True)
    await server.serve_forever()


asyncio.run(main())
