#!/usr/bin/env python3
"""One end of a conversation by script: talk.py listen PORT STEP... or talk.py connect ADDRESS
PORT STEP...

Each step prints what happened, so that transcripts over TCP and over Trickles can be compared:

    send:N         sends N bytes           recv:N        receives exactly N bytes
    send-on        sends until an error    recv-eof      receives until the end or an error
    readable       waits for input         hold          waits for ever
    shut-wr        half close              say:WORD      prints WORD
    linger0        next close is a reset   close         closes
    die            kill -9 of itself       keepalive     asks for probes: 1 s, 1 s, 3 times
    pause:N        reads nothing for N seconds
"""

import errno
import os
import select
import signal
import socket
import sys
import time

CHUNK = 1 << 16
PATTERN = bytes(range(251)) * 600


def say(text: str) -> None:
    """One line of the transcript."""
    print(text, flush=True)


def name_of(error: OSError) -> str:
    """The errno's name."""
    return errno.errorcode.get(error.errno, str(error))


class Talk:
    """The steps, on a connected socket. Every byte is checked: position decides its value."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection, self.sent, self.received = connection, 0, 0

    def step_send(self, count: str) -> None:
        """N bytes of the pattern."""
        end = self.sent + int(count)
        while self.sent < end:
            offset = self.sent % 251
            self.sent += self.connection.send(
                PATTERN[offset : offset + min(CHUNK, end - self.sent)]
            )
        say(f"sent {count}")

    def step_send_on(self) -> None:
        """Until the other side ends it."""
        try:
            while True:
                self.connection.send(PATTERN[:CHUNK])
        except OSError as error:
            say(
                "send error "
                + ("reset" if error.errno in (errno.ECONNRESET, errno.EPIPE) else name_of(error))
            )

    def take(self, most: int) -> int:
        """Receives at most so many bytes and checks them; 0 is the end."""
        data = self.connection.recv(most)
        offset = self.received % 251
        if data != PATTERN[offset : offset + len(data)]:
            say(f"WRONG BYTES at {self.received}")
        self.received += len(data)
        return len(data)

    def step_recv(self, count: str) -> None:
        """Exactly N bytes."""
        left = int(count)
        while left > 0:
            got = self.take(min(CHUNK, left))
            if got == 0:
                say(f"eof {left} too early")
                return
            left -= got
        say(f"received {count}")

    def step_recv_eof(self) -> None:
        """Until the end; says which kind of end, after how many bytes in all."""
        try:
            while self.take(CHUNK) > 0:
                pass
            say(f"eof after {self.received}")
        except OSError as error:
            say(f"{name_of(error)} after {self.received}")

    def step_readable(self) -> None:
        """Something to read is there (it stays unread)."""
        select.select([self.connection], [], [])
        say("readable")

    def step_hold(self) -> None:
        """Waits for a signal that never comes."""
        signal.pause()

    def step_pause(self, seconds: str) -> None:
        """A slow reader."""
        time.sleep(float(seconds))

    def step_say(self, word: str) -> None:
        """A mark in the transcript."""
        say(word)

    def step_shut_wr(self) -> None:
        """Half close."""
        self.connection.shutdown(socket.SHUT_WR)
        say("shut")

    def step_linger0(self) -> None:
        """The next close sends a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def step_keepalive(self) -> None:
        """Probes after a second of silence."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (
            (socket.TCP_KEEPIDLE, 1),
            (socket.TCP_KEEPINTVL, 1),
            (socket.TCP_KEEPCNT, 3),
        ):
            self.connection.setsockopt(socket.IPPROTO_TCP, option, value)

    def step_close(self) -> None:
        """Closes."""
        self.connection.close()
        say("closed")

    def step_die(self) -> None:
        """As if by kill -9."""
        say("dies")
        os.kill(os.getpid(), signal.SIGKILL)


def connect() -> socket.socket:
    """By the command line, which is consumed."""
    role = sys.argv.pop(1)
    if role == "connect":
        address = sys.argv.pop(1)
        return socket.create_connection((address, int(sys.argv.pop(1))))
    with socket.create_server(("", int(sys.argv.pop(1)))) as listener:
        return listener.accept()[0]


def main() -> None:
    """Runs the steps; an error that a step does not expect is said and ends the script."""
    try:
        talk = Talk(connect())
        for step in sys.argv[1:]:
            name, _, value = step.partition(":")
            getattr(talk, "step_" + name.replace("-", "_"))(*([value] if value else []))
    except OSError as error:
        say(f"unexpected {name_of(error)}")


main()
