"""netlab: real programs in two network namespaces, over plain kernel TCP or under the shim.

A scenario receives a Lab, joins its two hosts by a link, starts programs there and asserts.
Everything that was made is
removed when the Lab closes, whatever happened. Standard library only.
"""

from .lab import Failure, Lab, check, check_equal
from .registry import scenario
from .wire import Emulated, Veth

__all__ = ["Emulated", "Failure", "Lab", "Veth", "check", "check_equal", "scenario"]
