#!/usr/bin/env python3
"""Echo server at the port given: asyncio, many connections, passes a half close on after the
last byte."""

import asyncio
import sys


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, until its end."""
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


async def main() -> None:
    """Serves forever."""
    server = await asyncio.start_server(echo, "0.0.0.0", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


asyncio.run(main())
