"""Faults on demand: answers that the service gives on its bad days, and connections that break."""

from __future__ import annotations

import contextlib
import fnmatch
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from emulator.wire import HangupError, Request, Response, ServiceError

# Name -> the answer. `lost` and `timeout` carry the request out: a client that tries again meets its result.
ANSWERS: dict[str, Callable[[], Response]] = {
    "401": lambda: ServiceError(
        401,
        "ExpiredAuthenticationToken",
        "The access token expiry UTC time is earlier than current UTC time.",
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
    ).response(),
    "403": lambda: ServiceError(
        403, "AuthorizationFailed", "The client does not have authorization (injected)."
    ).response(),
    "409": lambda: ServiceError(409, "Conflict", "Another operation is in progress (injected).").response(),
    "429": lambda: ServiceError(
        429, "TooManyRequests", "The request is being throttled (injected).", headers={"Retry-After": "1"}
    ).response(),
    "500": lambda: ServiceError(500, "InternalServerError", "The service failed (injected).").response(),
    "503": lambda: ServiceError(
        503, "ServiceUnavailable", "The service is not available (injected)."
    ).response(),
}
BREAKS = ("reset", "lost", "timeout")
KINDS = (*ANSWERS, *BREAKS)


@dataclass
class Fault:
    """What happens to the requests that fit.

    Attributes:
        fits: says whether a request is meant.
        answer: a name of `KINDS`, a status, a response, or a function that makes one from the request.
        left: requests that it still hits.
        hits: requests that it has hit.
    """

    fits: Callable[[Request], bool]
    answer: str | int | Response | Callable[[Request], Response | None]
    left: int
    hits: int = 0


def matcher(where: str | Callable[[Request], bool]) -> Callable[[Request], bool]:
    """Return a predicate from a pattern such as `PUT */onlineEndpoints/*`: method, then host and path."""
    if callable(where):
        return where
    method, _, pattern = where.partition(" ")

    def fits(request: Request) -> bool:
        place = f"{request.host}{request.path}".lower()
        return method in ("*", request.method) and fnmatch.fnmatchcase(place, pattern.lower())

    return fits


class Faults:
    """The faults that wait for their request."""

    def __init__(self, patience: float = 0.5):
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()
        self.patience = patience

    def add(self, where: str | Callable[[Request], bool], answer, count: int = 1) -> Fault:
        """Arm a fault for the next `count` requests that fit."""
        if isinstance(answer, str) and answer not in KINDS:
            raise ValueError(f"{answer!r} is no fault; there are {', '.join(KINDS)}")
        fault = Fault(matcher(where), answer, count)
        self._waiting.append(fault)
        return fault

    def clear(self) -> None:
        """Disarm all."""
        self._waiting.clear()

    def _take(self, request: Request) -> Fault | None:
        with self._lock:
            for fault in self._waiting:
                if fault.left > 0 and fault.fits(request):
                    fault.left -= 1
                    fault.hits += 1
                    return fault
        return None

    @contextlib.contextmanager
    def around(self, request: Request) -> Iterator[Response | None]:
        """Yield the forced answer to a request, None where the service answers; then break off if asked.

        Raises:
            HangupError: the connection ends without an answer.
        """
        fault = self._take(request)
        answer = fault.answer if fault else None
        if answer == "reset":
            raise HangupError
        if isinstance(answer, int):
            answer = str(answer)
        if isinstance(answer, str) and answer in ANSWERS:
            yield ANSWERS[answer]()
        elif isinstance(answer, Response):
            yield answer
        elif callable(answer):
            yield answer(request)
        else:
            yield None
        if answer == "timeout":
            time.sleep(self.patience)
        if answer in ("lost", "timeout"):
            raise HangupError
