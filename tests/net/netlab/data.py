"""Files with seeded random content, and their sums."""

import hashlib
import random
from pathlib import Path

MIB = 1 << 20


def make_file(path: Path, size: int, seed: int) -> str:
    """Writes size bytes that seed decides and returns their SHA-256."""
    source, digest = random.Random(f"{seed} {size}"), hashlib.sha256()
    with open(path, "wb") as out:
        for start in range(0, size, MIB):
            block = source.randbytes(min(MIB, size - start))
            digest.update(block)
            out.write(block)
    return digest.hexdigest()


def sum_file(path: Path) -> str:
    """The SHA-256 of a file."""
    with open(path, "rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
