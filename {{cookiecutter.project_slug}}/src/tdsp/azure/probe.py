"""Ask a live endpoint, and compare what it says with what the model says on this machine."""

from __future__ import annotations

import json
import math
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdsp import shell
from tdsp.azure import client
from tdsp.errors import TdspError

SCOPE = "https://ml.azure.com/.default"  # of tokens for endpoints that authenticate by identity
SLOT_HEADER = "azureml-model-deployment"
_TOLERANCE = 1e-6  # relative; another processor rounds differently in the last digits


@dataclass(frozen=True)
class Exchange:
    """A request, and the answer that the model gives on this machine."""

    request: dict[str, Any]
    answer: dict[str, Any]


@dataclass(frozen=True)
class Guards:
    """What a new version must keep to while it gets more and more requests.

    Attributes:
        max_error_rate: share of requests that may fail or be answered differently.
        max_latency_ms: 95th percentile, in milliseconds, that is always good enough.
        max_slowdown: times the live slot's 95th percentile that is good enough beyond that.
        requests: sent to each slot at each step.
        soak: seconds over which they are spread.
    """

    max_error_rate: float = 0.0
    max_latency_ms: float = 1000
    max_slowdown: float = 2
    requests: int = 20
    soak: float = 60


@dataclass(frozen=True)
class Measured:
    """What came of some requests to one slot."""

    requests: int
    failures: tuple[str, ...]
    p95_ms: float

    def __str__(self) -> str:
        return f"{self.requests} requests, {len(self.failures)} bad, p95 {self.p95_ms:.0f} ms"


def offline(scoring: Path, model: Path, held_out: Path | None) -> list[dict[str, Any]]:
    """Return requests with the answers that the model gives on this machine, as the fields of `Exchange`.

    Args:
        scoring: the project's `scoring/`.
        model: the registered model's folder.
        held_out: folder with `test.parquet`, None for none.

    Raises:
        TdspError: the model cannot be used here.
    """
    text = shell.run(
        sys.executable,
        str(Path(__file__).with_name("offline.py")),
        str(scoring),
        str(model),
        str(scoring / "sample-request.json"),
        *([str(held_out)] if held_out else []),
        timeout=300,
    )
    return json.loads(text.splitlines()[-1])


class Caller:
    """Sends requests to one endpoint as the user."""

    def __init__(self, uri: str, exchanges: Sequence[Exchange]):
        """Remember the address, and what to send with the right answers; nothing is sent yet."""
        import requests

        self.uri, self.exchanges = uri, exchanges
        self._session, self._credential = requests.Session(), client.credential()

    def ask(self, exchange: Exchange, slot: str | None = None, judged: str | None = None) -> tuple[str, float]:
        """Send one request; return what is wrong with the answer (empty for nothing) and the milliseconds it took.

        Args:
            exchange: what to send, and what to expect.
            slot: which slot must answer; traffic decides when None.
            judged: the slot whose answers must be the expected ones; another version answers otherwise. None for any.
        """
        import requests

        with client.speaking("sign-in"):
            headers = {"Authorization": f"Bearer {self._credential.get_token(SCOPE).token}"}
        if slot:
            headers[SLOT_HEADER] = slot
        start = time.perf_counter()
        try:
            reply = self._session.post(self.uri, json=exchange.request, headers=headers, timeout=60)
        except requests.RequestException as error:
            return f"no answer ({type(error).__name__})", (time.perf_counter() - start) * 1000
        took = (time.perf_counter() - start) * 1000
        if reply.status_code != 200:
            return client.redact(f"status {reply.status_code}: {' '.join(reply.text.split())[:200]}"), took
        if slot and reply.headers.get(SLOT_HEADER, slot) != slot:
            return f"slot {reply.headers[SLOT_HEADER]} answered instead of {slot}", took
        if judged and reply.headers.get(SLOT_HEADER) != judged:
            return "", took
        try:
            return difference(exchange.answer, reply.json()), took
        except ValueError:
            return "the answer is not JSON", took

    def smoke(self, slot: str) -> None:
        """Ask a slot that has no traffic yet; every answer must be the model's own.

        Raises:
            TdspError: one was not, or there is none to compare with.
        """
        if not self.exchanges:
            raise TdspError(f"slot {slot} cannot be tested: there is no request whose answer is known")
        for exchange in self.exchanges:
            for attempt in range(3):
                wrong, _ = self.ask(exchange, slot)
                # A container that has just started may still be busy; a wrong answer stays wrong.
                if not wrong.startswith(("no answer", "status 429", "status 503")) or attempt == 2:
                    break
                time.sleep(1 + attempt)
            if wrong:
                raise TdspError(f"slot {slot} failed its smoke test: {wrong}")

    def measure(self, slot: str, guards: Guards, shared: bool = False) -> Measured:
        """Send a series of requests to a slot, in turn, spread over the soaking time.

        Args:
            slot: which slot must answer.
            guards: how many requests, and over which time.
            shared: send each one without the slot's name as well, so that it goes where a user's request would go.
        """
        failures, times, sent = [], [], 0
        pause = guards.soak / max(guards.requests, 1)
        for number in range(guards.requests):
            exchange, start = self.exchanges[number % len(self.exchanges)], time.perf_counter()
            wrong, took = self.ask(exchange, slot)
            times.append(took)
            found = [wrong]
            if shared:
                wrong, _ = self.ask(exchange, judged=slot)
                found.append(wrong and f"without the deployment header: {wrong}")
            sent += len(found)
            failures += filter(None, found)
            time.sleep(max(0, pause - (time.perf_counter() - start)))
        p95 = statistics.quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]
        return Measured(sent, tuple(failures), p95)


def judge(new: Measured, old: Measured | None, guards: Guards) -> str:
    """Return which guard a slot violates, empty for none.

    Args:
        new: of the slot on trial.
        old: of the live slot, measured in the same minute.
        guards: the limits.
    """
    if len(new.failures) > guards.max_error_rate * new.requests:
        return f"{len(new.failures)} of {new.requests} requests went wrong: {new.failures[0]}"
    limit = max(guards.max_latency_ms, guards.max_slowdown * old.p95_ms if old else 0)
    if new.p95_ms > limit:
        return f"p95 latency {new.p95_ms:.0f} ms is above {limit:.0f} ms"
    return ""


def difference(expected: Any, got: Any, where: str = "answer") -> str:
    """Say where two answers differ by more than rounding; empty when they do not."""
    if isinstance(expected, dict) and isinstance(got, dict):
        if set(expected) != set(got):
            return f"{where} has {', '.join(sorted(got)) or 'nothing'} instead of {', '.join(sorted(expected))}"
        return next((bad for key in expected if (bad := difference(expected[key], got[key], f"{where}.{key}"))), "")
    if isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            return f"{where} has {len(got)} entries instead of {len(expected)}"
        pairs = enumerate(zip(expected, got, strict=True))
        return next((bad for i, (a, b) in pairs if (bad := difference(a, b, f"{where}[{i}]"))), "")
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (expected, got))
    if numbers and math.isclose(expected, got, rel_tol=_TOLERANCE, abs_tol=1e-9):
        return ""
    return "" if expected == got and not numbers else f"{where} is {got!r}, on this machine it is {expected!r}"
