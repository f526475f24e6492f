"""Faults on demand: answers that the service gives on its bad days, and connections that break."""

from __future__ import annotations

import contextlib
import fnmatch
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from emulator.wire import HangupError, Request, Response, ServiceError

# Both headers, as Azure sends them: a client that knows the second one waits 20 milliseconds.
SOON = {"Retry-After": "1", "retry-after-ms": "20"}
STALE = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
ANSWERS: dict[str, ServiceError] = {
    "401": ServiceError(401, "ExpiredAuthenticationToken", "The access token has expired.", headers=STALE),
    "403": ServiceError(403, "AuthorizationFailed", "There is no authorization for this (injected)."),
    "409": ServiceError(409, "Conflict", "Another operation is in progress (injected)."),
    "429": ServiceError(429, "TooManyRequests", "The request is being throttled (injected).", headers=SOON),
    "500": ServiceError(500, "InternalServerError", "The service failed (injected)."),
    "503": ServiceError(503, "ServiceUnavailable", "The service is not available (injected)."),
}


@dataclass(frozen=True)
class Break:
    """A connection that ends without an answer.

    Attributes:
        done: the request is carried out first, so that a client that tries again meets its result.
        silence: seconds before the end.
        then: what else happens then.
    """

    done: bool
    silence: float = 0.0
    then: Callable[[], None] | None = None


BREAKS = {"reset": Break(done=False), "lost": Break(done=True), "timeout": Break(done=True, silence=0.1)}
Answer = str | int | Response | Break | Callable[[Request], Response | None]


@dataclass
class Fault:
    """What happens to the requests that fit.

    Attributes:
        fits: says whether a request is meant.
        answer: a break, a response, or a function that makes one (None: the service answers).
        left: requests that it still hits.
        hits: requests that it has hit.
    """

    fits: Callable[[Request], bool]
    answer: Response | Break | Callable[[Request], Response | None]
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


def meaning(answer: Answer) -> Response | Break | Callable[[Request], Response | None]:
    """Return what a short name or a status stands for.

    Raises:
        ValueError: it stands for nothing.
    """
    if not isinstance(answer, (str, int)):
        return answer
    if str(answer) in ANSWERS:
        return ANSWERS[str(answer)].response()
    if answer in BREAKS:
        return BREAKS[str(answer)]
    raise ValueError(f"{answer!r} is no fault; there are {', '.join([*ANSWERS, *BREAKS])}")


class Faults:
    """The faults that wait for their requests."""

    def __init__(self):
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, where: str | Callable[[Request], bool], answer: Answer, count: int = 1) -> Fault:
        """Arm a fault for the next `count` requests that fit."""
        fault = Fault(matcher(where), meaning(answer), count)
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
        if not isinstance(answer, Break):
            yield answer(request) if callable(answer) else answer
            return
        if answer.done:
            yield None
        time.sleep(answer.silence)
        if answer.then:
            answer.then()
        raise HangupError
