"""GitHub's REST API as far as wiring a project needs it: users, repositories, OIDC subjects.

`github_environments` and `github_rules` hold the rest. GitHub ignores unknown fields; the emulator does not.
Secrets can be listed by name only: a client that stores one is refused.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.directory import part
from emulator.forms import form
from emulator.routing import Call, Routes
from emulator.wire import Request, Response, ServiceError

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"api\.github\.com", open=True)
ISSUER = "https://token.actions.githubusercontent.com"
REPO = "/repos/{owner}/{repo}"
REPO_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
PAGES = ("per_page", "page", "includes_parents", "targets")
LEVELS = ("none", "read", "write", "admin")


class GitHubError(ServiceError):
    """An error in GitHub's form."""

    def __init__(self, status: int, message: str):
        super().__init__(status, "", message)

    def response(self) -> Response:
        """Return the error as GitHub sends it."""
        return Response(self.status, {"message": self.message, "status": str(self.status)})


class MovedError(GitHubError):
    """The answer for a repository that was renamed: 301, or 307 where the method has to stay."""

    def __init__(self, method: str, path: str):
        super().__init__(301 if method == "GET" else 307, "Moved Permanently")
        self.address = f"https://api.github.com{path}"

    def response(self) -> Response:
        """Return where it is now."""
        return Response(self.status, {"message": self.message, "url": self.address}, {"Location": self.address})


@dataclass
class Repository:
    """One repository.

    Attributes:
        organization: the owner is one, not a user.
        immutable: its OIDC subjects hold the numeric ids (repositories made since July 2026).
        plan: of the owner. Where the repository is private, reviewers and waits need Enterprise; rulesets and branches
            of environments need more than the free plan.
    """

    owner: str
    name: str
    id: int
    owner_id: int
    private: bool = False
    immutable: bool = True
    plan: str = "enterprise"
    organization: bool = False
    branches: set[str] = field(default_factory=lambda: {"main"})
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    rulesets: dict[int, dict[str, Any]] = field(default_factory=dict)
    subject: dict[str, Any] = field(default_factory=lambda: {"use_default": True})

    @property
    def prefix(self) -> str:
        """What a default OIDC subject begins with."""
        if self.immutable:
            return f"repo:{self.owner}@{self.owner_id}/{self.name}@{self.id}"
        return f"repo:{self.owner}/{self.name}"

    def document(self, permission: str) -> dict[str, Any]:
        """Return the repository as the API shows it to somebody with a permission."""
        rank = LEVELS.index(permission)
        return {
            "id": self.id,
            "node_id": f"R_{self.id}",
            "name": self.name,
            "full_name": f"{self.owner}/{self.name}",
            "owner": {
                "login": self.owner,
                "id": self.owner_id,
                "type": "Organization" if self.organization else "User",
            },
            "private": self.private,
            "visibility": "private" if self.private else "public",
            "default_branch": "main",
            "html_url": f"https://github.com/{self.owner}/{self.name}",
            "permissions": {"admin": rank >= 3, "push": rank >= 2, "pull": rank >= 1},
        }


class GitHub:
    """Users with their tokens, and repositories.

    Attributes:
        token: what the signed-in user shows.
        login: the signed-in user.
        permission: what that user may do in every repository.
        moved: former name of a repository -> its id; whoever asks for it is led there.
    """

    def __init__(self):
        self.token, self.login, self.permission = "emulated-github-token", "ada", "admin"
        self.users = {"ada": 11, "grace": 12, "acme": 13}
        self.repositories: dict[str, Repository] = {}
        self.moved: dict[str, int] = {}

    def add(self, name: str, owner: str = "ada", **options: Any) -> Repository:
        """Make a repository."""
        number = 1000 + len(self.repositories)
        repository = Repository(owner, name, number, self.users[owner], **options)
        self.repositories[f"{owner}/{name}".lower()] = repository
        return repository

    def assertion(self, repository: Repository, environment: str = "", branch: str = "main") -> str:
        """Return the OIDC token that a workflow job gets, in an environment or on a branch."""
        context = f"environment:{environment}" if environment else f"ref:refs/heads/{branch}"
        start = int(time.time())
        says = {"iss": ISSUER, "aud": "api://AzureADTokenExchange", "sub": f"{repository.prefix}:{context}"}
        return ".".join([part({"alg": "none"}), part({**says, "iat": start, "exp": start + 300}), "emulated"])

    def admit(self, request: Request) -> None:
        """Raise GitHub's 401 unless the request carries the user's token."""
        given = (request.headers.get("Authorization") or "").split(" ")[-1]
        if given != self.token:
            raise GitHubError(401, "Bad credentials" if given else "Requires authentication")

    def find(self, call: Call, *, need: str = "read") -> Repository:
        """Return the repository of a call, if the user may do what it needs.

        Raises:
            MovedError: it has another name now.
            GitHubError: 404 where it is not there or must not be seen, 403 where more permission is needed.
        """
        self.admit(call.request)
        name = f"{call['owner']}/{call['repo']}".lower()
        if name in self.moved:
            path = call.request.path.split("/", 4)[4:]
            raise MovedError(call.request.method, "/".join([f"/repositories/{self.moved[name]}", *path]))
        found = self.repositories.get(name)
        if found is None or self.permission == "none":
            raise GitHubError(404, "Not Found")
        if LEVELS.index(self.permission) < LEVELS.index(need):
            raise GitHubError(403, "Must have admin rights to Repository.")
        return found


@routes("GET", "/")
@routes("GET", "/user")
def user(cloud: Cloud, call: Call) -> Response:
    """Show who is signed in."""
    cloud.github.admit(call.request)
    login = cloud.github.login
    body = {"login": login, "id": cloud.github.users[login], "type": "User", "name": login.title()}
    return Response(200, body, {"X-OAuth-Scopes": "repo, workflow"})


@routes("GET", "/users/{name}")
def somebody(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show a user or an organization; a reviewer is named by its id."""
    cloud.github.admit(call.request)
    number = cloud.github.users.get(call["name"].lower())
    if number is None:
        raise GitHubError(404, "Not Found")
    return {"login": call["name"], "id": number, "type": "User"}


NEW = form(
    {
        "name": str,
        "private?": bool,
        "visibility?": {"public", "private"},
        "description?": str,
        "auto_init?": bool,
    }
)


@routes("POST", "/user/repos", shape=NEW)
@routes("POST", "/orgs/{organization}/repos", shape=NEW)
def create(cloud: Cloud, call: Call) -> Response:
    """Make a repository; its subjects are of the new form."""
    cloud.github.admit(call.request)
    owner, name = call.parameters.get("organization", cloud.github.login), call.body["name"]
    if not REPO_NAME.fullmatch(name):
        raise GitHubError(422, "Repository creation failed: name is invalid")
    if f"{owner}/{name}".lower() in cloud.github.repositories:
        raise GitHubError(422, "Repository creation failed: name already exists on this account")
    private = bool(call.body.get("private")) or call.body.get("visibility") == "private"
    made = cloud.github.add(name, owner, private=private, branches={"main"} if call.body.get("auto_init") else set())
    return Response(201, made.document("admin"))


@routes("GET", REPO)
def repository(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show a repository."""
    return cloud.github.find(call).document(cloud.github.permission)


@routes("GET", REPO + "/actions/oidc/customization/sub")
def subject(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show how the repository's OIDC subjects look; the flag may be false beside a prefix with ids."""
    found = cloud.github.find(call)
    old = {} if found.prefix.startswith(f"repo:{found.owner}/") else {"sub_claim_prefix": found.prefix}
    return {"use_immutable_subject": False, **old, **found.subject}
