"""Messages to a Teams channel, by the webhook of a Teams workflow ("When a Teams webhook request is received")."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from tdsp.errors import TdspError, WrongInput

VARIABLE = "TEAMS_WEBHOOK_URL"
TIMEOUT_SECONDS = 20
# What CI systems call it -> what it is, and in which of the card's colours. Azure Pipelines has capital letters.
STATES = {
    "started": ("started", "accent"),
    "success": ("finished", "good"),
    "failure": ("failed", "attention"),
    "cancelled": ("was cancelled", "warning"),
    "skipped": ("was skipped", "default"),
    "Succeeded": ("finished", "good"),
    "SucceededWithIssues": ("finished, with warnings", "good"),
    "Failed": ("failed", "attention"),
    "Canceled": ("was cancelled", "warning"),
}


def message(what: str, state: str, link: str, detail: str = "") -> dict[str, Any]:
    """Return an Adaptive Card as such a workflow takes it.

    Args:
        what: happens, such as `Training in dev`.
        state: a key of `STATES`.
        link: where to look.
        detail: one more line.

    Raises:
        WrongInput: there is no such state.
    """
    if state not in STATES:
        raise WrongInput(f"state {state!r}: use {', '.join(STATES)}")
    words, colour = STATES[state]
    lines = [{"type": "TextBlock", "text": f"{what} {words}", "weight": "bolder", "color": colour, "wrap": True}]
    if detail:
        lines.append({"type": "TextBlock", "text": detail, "wrap": True, "isSubtle": True})
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": lines,
    }
    if link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Look at it", "url": link}]
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [content]}


def send(webhook: str, body: dict[str, Any]) -> None:
    """Send a message.

    Raises:
        WrongInput: the address is not an HTTPS address.
        TdspError: it did not arrive. The address, which is a secret, is not told.
    """
    if not webhook.startswith("https://"):
        raise WrongInput(f"{VARIABLE} is not an https address: copy it again from the Teams workflow")
    request = urllib.request.Request(  # noqa: S310 - https only, as was just made sure
        webhook, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310 - likewise
            return
    except urllib.error.HTTPError as error:
        raise TdspError(f"Teams answered with status {error.code}: is the workflow switched on?") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise TdspError(f"Teams cannot be reached ({reason})") from None
