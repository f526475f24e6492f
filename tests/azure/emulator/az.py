"""Stands in for `az` where it signs in, as whoever `signed-in.json` in `AZURE_CONFIG_DIR` names, and for `az rest`."""

import base64
import datetime
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path


def token(who, audience):
    """Return an unsigned token of a principal."""
    now = int(time.time())
    audience = audience.removesuffix("/.default").rstrip("/")
    claims = {**who, "aud": audience, "iat": now, "nbf": now, "exp": now + 3600}
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "emulated"])


def rest(options, who):
    """Send a request as whoever is signed in; return the part of the answer that `--query` names."""
    place, body = options.pop("--uri"), options.pop("--body", None)
    if place.startswith("/"):
        place = "https://management.azure.com" + place
    if body and body.startswith("@"):
        body = Path(body[1:]).read_text(encoding="utf-8")
    headers = {"Authorization": f"Bearer {token(who, 'https://management.azure.com')}"}
    headers["Content-Type"] = "application/json"
    method, part, form = options.pop("--method"), options.pop("--query", ""), options.pop("--output", "json")
    if options or form != "json":
        sys.exit(f"ERROR: the stand-in for az does not know: {options} {form}")
    request = urllib.request.Request(place, (body or "").encode() or None, headers, method=method.upper())
    trusted = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"])
    try:
        with urllib.request.urlopen(request, context=trusted, timeout=10) as reply:
            answer = json.load(reply)
    except urllib.error.HTTPError as error:
        sys.exit(f"ERROR: {error.reason}({error.read().decode()})")
    return answer[part] if part else answer


def main(arguments):
    """Answer one command line; anything but signing in and `rest` is unknown."""
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
        case ["rest", *_]:
            options = dict(zip(arguments[1::2], arguments[2::2], strict=True))
            answer = rest(options, {"oid": state["oid"], "appid": state["appid"], "tid": state["tid"]})
        case _:
            sys.exit(f"ERROR: the stand-in for az does not know: {' '.join(arguments)}")
    print(json.dumps(answer, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
