"""Chats con asyncio, en Python: el argumento dice en qué se aparta del de siempre."""

import asyncio
import contextlib
import os
import select
import signal
import sys

WHICH = sys.argv[1]
MOST, PATIENCE = 65536, 8
CONTROL = dict.fromkeys([*range(9), *range(10, 32), *range(127, 160)], "\ufffd")
members = []
strangers = []


class Refused(Exception):
    pass


class Member:
    def __init__(self, writer, ip):
        self.writer, self.ip, self.name = writer, ip, None
        self.dismissed = False

    def send(self, text):
        body = text.encode()
        self.writer.write(len(body).to_bytes(4, "little" if WHICH == "al_reves" else "big") + body)
        full = self.writer.transport.get_write_buffer_size() > 1 << 20
        if full and WHICH == "expulsa":
            self.writer.transport.abort()

    @property
    def who(self):
        return f"{self.name}@{self.ip}"


def tell(author, text):
    for member in members:
        if member is not author or WHICH == "se_oye":
            member.send(text)


def has_left(member):
    """Ya cerró su lado, aunque quede por leer de él."""
    poller = select.poll()
    poller.register(member.writer.get_extra_info("socket"), select.POLLRDHUP)
    return bool(poller.poll(0))


async def wait_for_all(author):
    """Contrapresión: quien habla espera a que le oigan; a quien no lee, no para siempre."""
    if WHICH in ("sin_limite", "expulsa"):
        return
    full = any(it.writer.transport.get_write_buffer_size() > MOST for it in members)
    for member in list(members):
        try:
            await asyncio.wait_for(member.writer.drain(), PATIENCE)
        except (TimeoutError, OSError) as error:
            member.dismissed = member.dismissed or isinstance(error, TimeoutError)
            member.writer.transport.abort()
            if WHICH == "culpa_a_quien_habla" and not member.dismissed:
                raise
    if WHICH == "no_oye_a_quien_se_va" and full and has_left(author):
        raise asyncio.IncompleteReadError(b"", 4)


async def read(reader):
    length = int.from_bytes(await reader.readexactly(4), "big")
    if length > MOST and WHICH != "sin_tope":
        raise Refused("es demasiado largo")
    body = await reader.readexactly(length)
    try:
        return body.decode(errors="replace" if WHICH == "repara" else "strict")
    except UnicodeDecodeError:
        raise Refused("no es UTF-8") from None


def check(text):
    name = text.removeprefix("NAME: ")
    visible = name.isprintable() and not set(name) & set("@[]<>#") and name == name.strip()
    length = len(name.encode()) if WHICH == "cuenta_bytes" else len(name)
    if name == text or (WHICH != "cualquier_nombre" and not (visible and 1 <= length <= 32)):
        raise Refused("ese nombre no vale")
    fold = str if WHICH == "distingue_mayusculas" else str.casefold
    if fold(name) in ["servidor", *(fold(member.name) for member in members)]:
        raise Refused("ese nombre está en uso")
    return name


async def greet(member, reader):
    strangers.append(member)
    try:
        text = await read(reader)
    finally:
        strangers.remove(member)
    if WHICH == "consulta_entre_medias":
        check(text)
        await asyncio.sleep(0.02)
        member.name = text.removeprefix("NAME: ")
    else:
        member.name = check(text)


async def converse(member, reader):
    await greet(member, reader)
    count = len(members) + (WHICH != "cuenta_de_menos")
    if WHICH == "cuenta_antes":
        await asyncio.sleep(0.02)
    tell(None, f"(Conectado: nuevo cliente ({count}) desde {member.who})")
    member.send(f"CLIENT: {member.ip}")
    members.append(member)
    while True:
        text = await read(reader)
        if WHICH == "calla_lo_vacio" and not text:
            continue
        if WHICH == "rechaza_lo_vacio" and not text:
            raise Refused("no dices nada")
        if WHICH != "sin_filtro":
            text = text.translate(CONTROL)
        text = f"#[{member.who}]>> {text}"
        if len(text.encode()) > MOST and WHICH != "no_cabe":
            member.send("ERROR: con tu nombre delante no cabe")
        else:
            tell(member, text)
            if WHICH == "habla_a_desconocidos":
                for stranger in strangers:
                    stranger.send(text)
            await wait_for_all(member)


async def attend(reader, writer):
    member = Member(writer, writer.get_extra_info("peername")[0])
    with contextlib.suppress(OSError):
        try:
            await converse(member, reader)
        except Refused as why:
            member.send(f"ERROR: {why}")
        except asyncio.IncompleteReadError as cut:
            if WHICH == "espera_el_resto" and cut.partial:
                await asyncio.Event().wait()
            if WHICH == "explica_al_final" and not member.name:
                member.send("ERROR: no has dicho tu nombre")
        finally:
            if member in members:
                members.remove(member)
                if WHICH != "sin_despedida":
                    tell(member, f"(Desconectado: cliente {member.who})")
        if WHICH == "cierra_sin_leer":
            return writer.close()
        writer.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                while await reader.read(65536):
                    pass
    writer.close()


async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, os._exit, 0)
    server = await asyncio.start_server(attend, "127.0.0.1", 0, backlog=1024)
    print("Escuchando en %s:%d" % server.sockets[0].getsockname(), flush=True)
    await server.serve_forever()


asyncio.run(main())
