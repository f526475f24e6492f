"""What happens to a repository, and which pipelines that starts."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """What happened: a push, a pull request, a date, or a person's click.

    Attributes:
        reason: `IndividualCI`, `PullRequest`, `Schedule` or `Manual`.
        branch: that was pushed or chosen, or that a pull request would change.
        paths: that were changed.
    """

    reason: str
    branch: str = "main"
    paths: tuple[str, ...] = ("src/science/features.py",)

    @property
    def variables(self) -> dict[str, str]:
        """The predefined variables that say so."""
        pull = self.reason == "PullRequest"
        name = "merge" if pull else self.branch.rsplit("/", 1)[-1]
        return {
            "Build.Reason": self.reason,
            "Build.SourceBranch": "refs/pull/7/merge" if pull else f"refs/heads/{self.branch}",
            "Build.SourceBranchName": name,
            "Build.SourceVersion": "0123456789abcdef0123456789abcdef01234567",
            "Build.BuildId": "42",
            "Build.Repository.Name": "churn",
            "System.CollectionUri": "https://dev.azure.com/contoso/",
            "System.TeamProject": "Data Science",
            "System.TeamProjectId": "0a0a0a0a-0000-4000-8000-00000000000d",
            "System.JobAttempt": "1",
            "System.PullRequest.TargetBranch": f"refs/heads/{self.branch}" if pull else "",
            "Agent.OS": "Linux",
            "TF_BUILD": "True",
        }


def starts(document: Mapping[str, Any], event: Event) -> bool:
    """Whether an event starts a pipeline."""
    if event.reason == "Manual":
        return True
    if event.reason == "Schedule":
        return any(event.branch in item["branches"]["include"] for item in document.get("schedules", []))
    rule = document["pr" if event.reason == "PullRequest" else "trigger"]
    if rule == "none":
        return False
    paths = rule.get("paths", {})
    touched = [path for path in event.paths if "include" not in paths or _below(path, paths["include"])]
    touched = [path for path in touched if not _below(path, paths.get("exclude", []))]
    return bool(touched) and any(fnmatch.fnmatch(event.branch, name) for name in rule["branches"]["include"])


def _below(path: str, places: list[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)
