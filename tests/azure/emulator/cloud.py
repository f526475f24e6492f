"""The emulated tenant: its state, and a request's way through faults, contract, sign-in and roles."""

from __future__ import annotations

import fnmatch
import json
import time
import traceback
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator import (
    assets,
    authorization,
    autoscale,
    batch,
    batch_jobs,
    blobs,
    computes,
    deployments,
    devops,
    endpoints,
    github,
    github_environments,
    github_rules,
    graph_query,
    history,
    identities,
    job_identity,
    jobs,
    model_registry,
    operations,
    preflight,
    registry,
    signin,
    subscriptions,
    tracking,
    workspaces,
)
from emulator.access import Access, action_of
from emulator.certificates import Authority
from emulator.directory import MACHINE_LEARNING, RESOURCE_MANAGER, Directory, Principal, claims
from emulator.faults import Fault, Faults
from emulator.proxy import Proxy
from emulator.quota import Quota
from emulator.resources import Resources
from emulator.routing import MACROS, Call, find
from emulator.wire import ContractError, Request, Response, ServiceError

ABOVE = (signin, graph_query, subscriptions, preflight, authorization, identities, operations)
WITHIN = (workspaces, computes, assets, jobs, endpoints, deployments, batch, history, blobs)
INSIDE = (model_registry, tracking, job_identity, autoscale)
SERVICES = [
    module.routes for module in (*ABOVE, *WITHIN, *INSIDE, devops, github, github_environments, github_rules, registry)
]
SERVICES += [deployments.scoring, batch.scoring]


RUNS = "Microsoft.MachineLearningServices/workspaces/experiments/runs"


@dataclass(frozen=True)
class Record:
    """One request with its answer's status, for tests to look at."""

    method: str
    host: str
    path: str
    version: str
    body: Any
    status: int
    principal: str
    milliseconds: float

    def __str__(self) -> str:
        return f"{self.status} {self.method} https://{self.host}{self.path} {self.version}"


class Cloud:
    """One tenant with one subscription.

    Attributes:
        calls: every request so far, in order.
        refusals: requests outside the contract; a test that leaves one here fails.
        polls: how often an operation answers "in progress"; negative means for ever.
        slow: id pattern -> polls, for operations that differ from `polls`.
        page_size: the most items in one page of a list.
        broken_deployments: name of a deployment -> the message with which its creation fails.
        taken_endpoints: endpoint names that others use in the region.
        providers: resource provider -> state, for those that are not registered.
        taken_names: names of storage accounts, vaults and registries that others use.
        deleted_vaults: vaults that are deleted softly.
        replication: requests that name a new principal in vain, unless they tell its type.
        mirrored: deployments that got a copy of a request, in order.
    """

    region = "westeurope"

    def __init__(self, folder: Path):
        self.folder = folder
        self.subscription = "0a0a0a0a-0000-4000-8000-000000000001"
        self.resources, self.operations, self.directory = Resources(), operations.Operations(), Directory()
        self.access = Access(self.resources)
        self.blobs = blobs.Blobs()
        self.runs = history.Runs()
        self.tracking = tracking.Tracking(folder)
        self.faults = Faults()
        self.calls: list[Record] = []
        self.refusals: list[str] = []
        self.polls, self.slow = 1, {}
        self.page_size = 1000
        self.broken_deployments: dict[str, str] = {}
        self.taken_endpoints: set[str] = set()
        self.mirrored: list[str] = []
        self.quota = Quota()
        self.github = github.GitHub()
        self.devops = devops.DevOps()
        self.providers: dict[str, str] = {}
        self.taken_names: set[str] = set()
        self.deleted_vaults: list[str] = []
        self.replication = 1
        self.runner: jobs.Runner | None = None
        self.server: deployments.Server | None = None
        self.scorer: batch_jobs.Scorer | None = None
        self.user = self.directory.add(Principal("ada@example.com"))
        self.access.grant(self.user, "Owner", f"/subscriptions/{self.subscription}")
        self._proxy: Proxy | None = None

    def start(self) -> Cloud:
        """Begin to listen."""
        authority = Authority(self.folder)
        self.authority = authority.path
        self._proxy = Proxy(authority, self.answer)
        return self

    def stop(self) -> None:
        """Stop listening, and stop what runs inside."""
        if self._proxy:
            self._proxy.stop()
        if self.server:
            self.server.stop()

    @property
    def proxy(self) -> str:
        """The address for `HTTPS_PROXY`."""
        if self._proxy is None:
            raise RuntimeError("the emulator has not been started")
        return self._proxy.url

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a process to this tenant, and to nothing else."""
        return {
            **dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), self.proxy),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
            **dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"), str(self.authority)),
        }

    def storage_id(self, account: str) -> str:
        """Return the resource id of a storage account."""
        return next(
            (
                item["id"]
                for item in self.resources.of_type("Microsoft.Storage/storageAccounts")
                if item["name"] == account
            ),
            f"/subscriptions/{self.subscription}/resourceGroups/unknown",
        )

    def polls_for(self, resource_id: str) -> int:
        """Return how often an operation on a resource answers "in progress"."""
        fitting = [
            polls for pattern, polls in self.slow.items() if fnmatch.fnmatch(resource_id.lower(), pattern.lower())
        ]
        return fitting[-1] if fitting else self.polls

    def fail(self, where: Any, answer: Any, count: int = 1) -> Fault:
        """Answer the next `count` requests that fit `where` with a fault; see `faults.Fault`."""
        return self.faults.add(where, answer, count)

    def answer(self, request: Request) -> Response:
        """Answer one request, and write it down."""
        start = time.perf_counter()
        try:
            with self.faults.around(request) as forced:
                response = forced or self._serve(request)
        except BaseException:
            self._record(request, 0, start)
            raise
        self._record(request, response.status, start)
        return response

    def _serve(self, request: Request) -> Response:
        try:
            call = find(SERVICES, request)
            if not call.route.open:
                self._admit(call)
            answer = call.route.handler(self, call)
            return answer if isinstance(answer, Response) else Response(200, answer or b"")
        except ServiceError as error:
            response = error.response()
        except ContractError as refusal:
            response = self._refuse(f"{refusal}\n{request}")
        except Exception:
            response = self._refuse(f"a bug of the emulator\n{request}\n{traceback.format_exc()}")
        response.headers.setdefault("x-ms-request-id", str(uuid.uuid4()))
        return response

    def _refuse(self, text: str) -> Response:
        """Answer what no client retries, so that the test fails at once."""
        self.refusals.append(text)
        return Response(400, {"error": {"code": "NotInTheContract", "message": text}})

    def _admit(self, call: Call) -> None:
        """Check who asks, and whether a role of theirs allows it."""
        manager = call.request.host == "management.azure.com"
        principal = self.directory.principal(call.request, RESOURCE_MANAGER if manager else MACHINE_LEARNING)
        subscription = call.parameters.get("subscription", self.subscription)
        if subscription.lower() != self.subscription:
            raise ServiceError(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")
        if not call.route.role or ("subscription" not in call.parameters and "scope" not in call.parameters):
            return
        if manager:
            action, scope = action_of(call.request.method, call.id), call.id
        else:
            verb = "read" if call.request.method in ("GET", "HEAD") else "write"
            action, scope = f"{RUNS}/{verb}", MACROS["{workspace}"].format(**call.parameters)
        self.access.demand(principal, action, scope)

    def _record(self, request: Request, status: int, start: float) -> None:
        try:
            body = json.loads(request.body)
        except ValueError:
            body = None
        said = request.headers.get("Authorization") or ""
        who = self.directory.get(_object_id(said))
        took = round((time.perf_counter() - start) * 1000, 1)
        version = request.query.get("api-version", "")
        name = who.name if who else ""
        self.calls.append(Record(request.method, request.host, request.path, version, body, status, name, took))


def _object_id(authorization: str) -> str:
    return claims(authorization.removeprefix("Bearer ")).get("oid", "")
