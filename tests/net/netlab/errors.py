"""What a scenario says when the product is at fault, and waiting with a bound."""

import time
from typing import Any, Callable


class Failure(AssertionError):
    """Something that had to hold did not."""


def check(condition: Any, message: str) -> None:
    """Fails with message unless condition holds."""
    if not condition:
        raise Failure(message)


def check_equal(got: Any, wanted: Any, what: str) -> None:
    """Fails unless both are equal."""
    if got != wanted:
        raise Failure(f"{what}: got {got!r}, wanted {wanted!r}")


def wait_until(
    condition: Callable[[], Any], what: str, limit_s: float, every_s: float = 0.005
) -> Any:
    """Asks condition until it says something true, which is returned; fails after limit_s
    seconds."""
    end = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {limit_s:g} s")
        time.sleep(every_s)
