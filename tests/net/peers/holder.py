#!/usr/bin/env python3
"""holder.py ADDRESS PORT COUNT: opens COUNT connections (asyncio), uses each for an HTTP
request, holds them all.

Prints "holding" when all are up; reads a line from standard input; uses every one again; closes
them; prints "closed".
"""

import asyncio
import sys

AT_ONCE = 200
REQUEST = b"GET /small HTTP/1.1\r\nHost: holder\r\n\r\n"


async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request and its whole answer."""
    writer.write(REQUEST)
    await writer.drain()
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length")
    )
    body = await reader.readexactly(length)
    assert head.startswith(b"HTTP/1.1 200") and len(body) == length, head


async def main(address: str, port: int, count: int) -> None:
    """Open, use, hold, use, close."""
    gate, pairs = asyncio.Semaphore(AT_ONCE), []

    async def open_one() -> None:
        async with gate:
            pair = await asyncio.open_connection(address, port)
            pairs.append(pair)
            await use(*pair)

    async def use_one(pair) -> None:
        async with gate:
            await use(*pair)

    await asyncio.gather(*(open_one() for _ in range(count)))
    print("holding", len(pairs), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await asyncio.gather(*(use_one(pair) for pair in pairs))
    print("used", flush=True)
    for _reader, writer in pairs:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for _reader, writer in pairs))
    print("closed", flush=True)


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
