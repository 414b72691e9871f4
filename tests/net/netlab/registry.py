"""The list of scenarios: a function becomes one by decoration."""

from dataclasses import dataclass
from typing import Callable, Dict, Tuple

MODES = ("tcp", "trk")


@dataclass(frozen=True)
class Scenario:
    """A named scenario: the modes it exists in and the seconds after which it has failed."""

    name: str
    run: Callable
    modes: Tuple[str, ...]
    limit_s: int

    @property
    def summary(self) -> str:
        """The first paragraph of what the function says about itself."""
        return " ".join((self.run.__doc__ or "").split("\n\n")[0].split())


SCENARIOS: Dict[str, Scenario] = {}


def scenario(modes: str = "both", limit_s: int = 60) -> Callable:
    """Registers a function as scenario; modes is tcp, trk or both."""

    def register(function: Callable) -> Callable:
        name = function.__name__.replace("_", "-")
        assert name not in SCENARIOS, name
        chosen = MODES if modes == "both" else (modes,)
        SCENARIOS[name] = Scenario(name, function, chosen, limit_s)
        return function

    return register
