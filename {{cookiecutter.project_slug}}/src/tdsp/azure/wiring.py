"""What a project needs around its workspace, one `Thing` each: how to see whether it is right, and how to make it so.

`tdsp connect` makes what is missing; `tdsp doctor` only looks. Each look asks the service, so both can be
repeated at any time and a killed `connect` goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tdsp.azure import client, devops, github, identity, preflight
from tdsp.azure.plan import Line
from tdsp.errors import TdspError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


@dataclass(frozen=True)
class Thing:
    """One thing that has to be right.

    Attributes:
        what: its name.
        why: what it is good for.
        look: returns what is wrong with it, nothing when it is right.
        make: makes it right; None when only a person can.
        mend: what to do about it by hand.
        vital: whether the project cannot work without it.
        of_subscription: whether it lies above the resource group, where not everybody who may `connect` may look.
    """

    what: str
    why: str
    look: Callable[[], str]
    make: Callable[[], Any] | None
    mend: str
    vital: bool = True
    of_subscription: bool = False


def things(ml: MLClient, where: client.Target, ci: github.Repository | devops.Project) -> list[Thing]:
    """Return all that one environment needs, in the order in which it has to be made.

    Nothing is trusted before its branch and its reviewer are set: whoever is stopped in between leaves no door open.
    """
    own = identity.Identity(where, ci)
    first, before, after = _devops(where, ci, own) if isinstance(ci, devops.Project) else _github(where, ci, own)
    return [
        Thing(
            "workspace",
            "jobs, models and endpoints live there",
            lambda: preflight.workspace(ml, where),
            None,
            "create it (infra/README.md), or correct environments in project.yml; then ask for Reader on its group",
        ),
        Thing(
            "resource group",
            "a mistake in dev cannot reach prod",
            lambda: preflight.apart(where),
            None,
            "give dev and prod a resource group each, and name both in project.yml",
        ),
        *(
            Thing(
                f"provider {name}",
                why,
                lambda name=name: preflight.provider(where, name),
                lambda name=name: preflight.register(where, name),
                f"az provider register --namespace {name}",
                of_subscription=True,
            )
            for name, why in preflight.PROVIDERS.items()
        ),
        Thing(
            "quota",
            "the size in scoring/deployment.yml, and a second slot while a version changes",
            lambda: preflight.quota(ml, where),
            None,
            "ask for more cores of that family in the portal (Quotas), or choose a smaller instance_type",
            vital=False,
            of_subscription=True,
        ),
        *first,
        Thing(
            f"identity {own.name}",
            "the workflows act as it; it has no password",
            own.look,
            own.make,
            "run `tdsp connect`; it takes Contributor on the resource group",
        ),
        *before,
        Thing(
            f"trust in {ci.host} ({where.env})",
            "a workflow in this environment, and no other, may become it",
            own.look_at_trust,
            own.make_trust,
            f"run `tdsp connect` again: {ci.path} may have been renamed",
        ),
        *(
            Thing(
                f"role {role}",
                why,
                lambda role=role: own.look_at_role(role),
                lambda role=role: own.make_role(role),
                "have an Owner of the resource group run `tdsp connect`",
            )
            for role, why in identity.ROLES.items()
        ),
        *after,
    ]


def _github(
    where: client.Target, repository: github.Repository, own: identity.Identity
) -> tuple[list[Thing], list[Thing], list[Thing]]:
    """Return what is needed on GitHub: before there is an identity, before that trusts GitHub, and after."""
    first = [
        Thing(
            "repository",
            "the workflows run there",
            repository.look,
            repository.make if repository.create else None,
            f"create {repository.path} on GitHub, or run `tdsp connect --create-repository`",
        ),
        Thing(
            "rights in the repository",
            "its environments and rules are set there",
            repository.look_at_rights,
            None,
            f"ask an admin of {repository.path} to run `tdsp connect`",
        ),
        Thing(
            f"GitHub environment {where.env}",
            repository.why(where.env),
            lambda: repository.look_at_environment(where.env),
            lambda: repository.make_environment(where.env),
            "run `tdsp connect` as an admin of the repository; if GitHub's plan has no such rules, make the repository "
            "public, take another plan, or go without: `--unprotected`",
        ),
    ]
    return (
        first,
        [],
        [
            *(
                Thing(
                    f"variable {name}",
                    "an id, not a secret: which identity to become",
                    lambda name=name: repository.look_at_variable(where.env, name, own.variables()[name]),
                    lambda name=name: repository.make_variable(where.env, name, own.variables()[name]),
                    "run `tdsp connect`",
                )
                for name in identity.VARIABLES
            ),
            Thing(
                f"GitHub environment {where.env}-infra",
                "infra/ is deployed there, if you have set that up",
                lambda: repository.look_at_infrastructure(where.env),
                None,
                "give it one branch and a reviewer: infra/README.md, From a workflow",
                vital=False,
            ),
            Thing(
                "ruleset for main",
                "main changes by pull requests only, whose checks passed",
                repository.look_at_ruleset,
                repository.make_ruleset,
                "needs a public repository or a paid plan; protect main by hand otherwise",
                vital=False,
            ),
        ],
    )


def _devops(
    where: client.Target, project: devops.Project, own: identity.Identity
) -> tuple[list[Thing], list[Thing], list[Thing]]:
    """Return what is needed in Azure DevOps: before there is an identity, before that trusts it, and after."""
    env, name = where.env, devops.connection(where.env)
    approval = ", after somebody approved" if env == "prod" else ""
    first = [
        Thing(
            "project in Azure DevOps",
            "the pipelines run there",
            project.look,
            None,
            f"create {project.path} in Azure DevOps, or correct the address of `origin`",
        ),
    ]
    return (
        first,
        [
            Thing(
                f"service connection {name}",
                "the pipelines become the identity through it; it has no password",
                lambda: project.look_at_connection(env, own.parameters()),
                lambda: project.make_connection(env, own.parameters(), where),
                "run `tdsp connect` as an administrator of service connections",
            ),
            Thing(
                f"branch of {name}",
                f"pipelines of branch {github.BRANCHES[env]} may use it, and no others",
                lambda: project.look_at_branches(env),
                lambda: project.make_branches(env),
                "run `tdsp connect` as an administrator of service connections",
            ),
            Thing(
                f"Azure DevOps environment {env}",
                f"the pipelines deploy there{approval}",
                lambda: project.look_at_environment(env),
                lambda: project.make_environment(env),
                "run `tdsp connect` as an administrator of the project",
            ),
        ],
        [],
    )


@dataclass(frozen=True)
class Finding:
    """What a look at a thing gave.

    Attributes:
        thing: that was looked at.
        wrong: what is wrong with it; empty when it is right.
        seen: whether it could be looked at; otherwise `wrong` says why not.
        allowed: whether who is signed in may look at it.
        offered: whether it can be had at all.
    """

    thing: Thing
    wrong: str
    seen: bool = True
    allowed: bool = True
    offered: bool = True

    @property
    def changeable(self) -> bool:
        """Whether `connect` can make it right."""
        return bool(self.wrong and self.thing.make and self.seen and self.offered)

    @property
    def blocking(self) -> bool:
        """Whether nothing should be changed before this is mended."""
        return bool(self.wrong) and not self.out_of_sight and (not self.seen or (self.bad and not self.changeable))

    @property
    def bad(self) -> bool:
        """Whether the project does not work, or cannot be said to, until this is mended."""
        return bool(self.wrong) and self.thing.vital and not self.out_of_sight

    @property
    def out_of_sight(self) -> bool:
        """Whether it lies above what whoever is signed in may look at: no reason to stop."""
        return not self.seen and not self.allowed and self.thing.of_subscription

    @property
    def said(self) -> str:
        """What is wrong, or why that is not known."""
        return self.wrong if self.seen else f"cannot be seen: {self.wrong}"

    @property
    def mend(self) -> str:
        """What to do about it by hand; what cannot be seen says that itself."""
        return self.thing.mend if self.wrong and self.seen else ""

    @property
    def line(self) -> Line:
        """What `connect` would do about it."""
        if not self.wrong:
            return Line(self.thing.what, "right", "", self.thing.why)
        if self.changeable:
            return Line(self.thing.what, self.wrong, "make it right", self.thing.why)
        if not self.seen:
            return Line(self.thing.what, "cannot be seen", "", self.wrong)
        return Line(self.thing.what, self.wrong, "yours to mend", self.thing.mend)


def look(everything: list[Thing]) -> list[Finding]:
    """Look at each thing; a look that fails is a finding too, and says why."""
    found = []
    for thing in everything:
        try:
            found.append(Finding(thing, thing.look()))
        except github.NotOfferedError as error:
            found.append(Finding(thing, str(error), offered=False))
        except TdspError as error:
            allowed = not (isinstance(error, client.RefusedError) and error.status == client.FORBIDDEN)
            found.append(Finding(thing, str(error).splitlines()[0], seen=False, allowed=allowed))
    return found
