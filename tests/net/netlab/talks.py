"""Conversations of two scripted ends (peers/talk.py) and their transcripts."""

import sys
from typing import List, Tuple

from .host import Host
from .lab import Lab
from .paths import PEERS
from .program import Program

TALK = (sys.executable, str(PEERS / "talk.py"))


def listen(host: Host, port: int, *steps: str) -> Program:
    """An end that takes one connection; it listens when this returns."""
    return host.serve(port, *TALK, "listen", str(port), *steps)


def connect(host: Host, address: str, port: int, *steps: str) -> Program:
    """An end that connects."""
    return host.start(*TALK, "connect", address, str(port), *steps)


def converse(
    lab: Lab,
    server: Tuple[str, ...],
    client: Tuple[str, ...],
    port: int = 7100,
    limit_s: float = 30,
) -> Tuple[List[str], List[str]]:
    """Runs both to their ends and returns what each said, line by line."""
    listener = listen(lab.server, port, *server)
    caller = connect(lab.client, lab.server.address, port, *client)
    caller.wait(limit_s)
    listener.wait(limit_s)
    return listener.stdout().split("\n")[:-1], caller.stdout().split("\n")[:-1]
