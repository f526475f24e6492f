"""Stands in for `az` where it signs in: tokens of whoever `signed-in.json` in `AZURE_CONFIG_DIR` names."""

import base64
import datetime
import json
import os
import sys
import time
from pathlib import Path


def token(who, audience):
    """Return an unsigned token of a principal."""
    now = int(time.time())
    audience = audience.removesuffix("/.default").rstrip("/")
    claims = {**who, "aud": audience, "iat": now, "nbf": now, "exp": now + 3600}
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "emulated"])


def main(arguments):
    """Answer one command line; anything but signing in is unknown."""
    folder = Path(os.environ.get("AZURE_CONFIG_DIR") or sys.exit("ERROR: Please run 'az login' to setup account."))
    with (folder / "az.log").open("a", encoding="utf-8") as log:
        log.write(json.dumps(arguments) + "\n")
    file = folder / "signed-in.json"
    if not file.exists():
        sys.exit("ERROR: Please run 'az login' to setup account.")
    state = json.loads(file.read_text(encoding="utf-8"))
    account = {
        "id": state["subscription"],
        "name": "Emulated",
        "tenantId": state["tid"],
        "isDefault": True,
        "state": "Enabled",
        "user": {"name": state["name"], "type": "user"},
    }
    match arguments[:2]:
        case ["account", "get-access-token"]:
            options = dict(zip(arguments[2::2], arguments[3::2], strict=False))
            audience = options.get("--resource") or options.get("--scope") or "https://management.core.windows.net/"
            who = {"oid": state["oid"], "appid": state["appid"], "tid": state["tid"], "upn": state["name"]}
            end = int(time.time()) + 3600
            local = datetime.datetime.fromtimestamp(end).strftime("%Y-%m-%d %H:%M:%S.%f")
            answer = {"accessToken": token(who, audience), "expiresOn": local, "expires_on": end}
            answer |= {"subscription": state["subscription"], "tenant": state["tid"], "tokenType": "Bearer"}
        case ["account", "show"]:
            answer = account
        case ["account", "list"]:
            answer = [account]
        case _:
            sys.exit(f"ERROR: the stand-in for az does not know: {' '.join(arguments)}")
    print(json.dumps(answer, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
