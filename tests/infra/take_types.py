"""Write down Microsoft's descriptions of the resource types that `infra/` uses, one small file each in `types/`.

    uv run --group types python tests/infra/take_types.py                 # all that azmcp describes
    uv run --group types python tests/infra/take_types.py --clone FOLDER  # the rest, from Azure/bicep-types-az

azmcp is a program of the package `msmcp-azure`. Asking it takes more than a second for each type, so the tests read the
files; every night the first command runs again, and must change nothing.

A shape is `{"fields": {name: [type, flags]}}`, flags R required, r read-only, c constant when the deployment starts; a
type is `any`, `string`, `int`, `bool`, `'a literal'`, `{"list": type}`, `{"one": [types]}`, `{"text": limits}`,
`{"number": limits}` or `{"shape": name}`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "types"
ASKED = (
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.Authorization/roleDefinitions",
    "Microsoft.Consumption/budgets",
    "Microsoft.ContainerRegistry/registries",
    "Microsoft.Insights/components",
    "Microsoft.KeyVault/vaults",
    "Microsoft.MachineLearningServices/registries",
    "Microsoft.MachineLearningServices/workspaces",
    "Microsoft.MachineLearningServices/workspaces/computes",
    "Microsoft.MachineLearningServices/workspaces/outboundRules",
    "Microsoft.ManagedIdentity/userAssignedIdentities",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
    "Microsoft.Network/privateEndpoints",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    "Microsoft.OperationalInsights/workspaces",
    "Microsoft.Storage/storageAccounts",
    "Microsoft.Storage/storageAccounts/blobServices",
)
# azmcp knows their names only. Path in the clone, type.
CLONED = (
    ("monitor_1/microsoft.insights/2021-05-01-preview", "Microsoft.Insights/diagnosticSettings"),
    ("privatedns/microsoft.network/2024-06-01", "Microsoft.Network/privateDnsZones"),
    ("privatedns/microsoft.network/2024-06-01", "Microsoft.Network/privateDnsZones/virtualNetworkLinks"),
)
SCOPES = ("Tenant", "ManagementGroup", "Subscription", "ResourceGroup", "Extension")
FLAGS = {"Required": "R", "ReadOnly": "r", "DeployTimeConstant": "c"}
LIMITS = {"minLength": "shortest", "maxLength": "longest", "minValue": "lowest", "maxValue": "highest"}


def ask(name: str) -> dict:
    """Return what azmcp says about a type."""
    command = [str(Path(sys.executable).with_name("azmcp")), "bicepschema", "get", "--resource-type", name]
    environment = os.environ | {"AZURE_MCP_COLLECT_TELEMETRY": "false"}
    output = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
    items = json.loads(output[output.index("{\n") :])["results"]["BicepSchemaResult"]
    resource = next(item for item in items if item["$type"] == "Resource")
    scopes = resource["writableScopes"]
    return {
        "type": resource["name"],
        "source": "azmcp",
        "scopes": list(SCOPES) if scopes == "AllExceptExtension" else scopes.split(", "),  # the clone says: all
        "body": resource["bodyType"]["name"],
        "shapes": pruned(resource["bodyType"]["name"], Asked([*items, resource["bodyType"]]).shapes),
    }


class Asked:
    """The shapes in one answer of azmcp."""

    def __init__(self, items: list[dict]):
        self.named = {item["name"]: item for item in items if item["$type"] in ("Object", "DiscriminatedObject")}
        self.shapes: dict[str, dict] = {}
        for item in list(self.named.values()):
            self.add(item)

    def add(self, item: dict) -> None:
        if item["$type"] == "Object":
            shape = {"fields": self.fields(item["properties"])}
            if more := item.get("additionalPropertiesType"):
                shape["more"] = self.type(more, "")
        else:
            shape = {"fields": self.fields(item["baseProperties"]), "tag": item["discriminator"], "variants": {}}
            for element in item["elements"]:
                tag = next(entry for entry in element["properties"] if entry["name"] == item["discriminator"])
                shape["variants"][tag["type"]] = element["name"]
                self.add({"$type": "Object", **element})
        self.shapes[item["name"]] = shape

    def fields(self, entries: list[dict]) -> dict[str, list]:
        return {
            entry["name"]: [
                self.type(entry["type"], entry.get("modifiers") or "", entry["name"]),
                "".join(letter for flag, letter in FLAGS.items() if flag in (entry.get("flags") or "")),
            ]
            for entry in entries
        }

    def type(self, text: str, modifiers: str, name: str = "") -> str | dict:
        if name == "type" and "/" in text:  # the name of the resource type; its body is called the same
            return f"'{text}'"
        limits = {LIMITS[key]: int(value) for key, value in re.findall(r"(m\w+): (\d+)", modifiers) if key in LIMITS}
        if text in self.named:
            return {"shape": text}
        if text.endswith("[]"):
            return {"list": self.type(text[:-2].strip("()"), "")}
        if " | " in text:
            return {"one": [self.type(part, "") for part in text.split(" | ")]}
        if text == "string":
            if pattern := re.search(r"pattern: (.*?)(?:, (?:min|max|sensitive)|$)", modifiers):
                limits["pattern"] = pattern[1]
            if "sensitive" in modifiers:
                limits["secure"] = True
            return {"text": limits} if limits else text
        if text == "int" and limits:
            return {"number": limits}
        return text if text in ("int", "bool", "any") else f"'{text}'"


def look_up(clone: Path, place: str, name: str) -> dict:
    """Return what a clone of Azure/bicep-types-az says about a type."""
    git = ["git", "-C", str(clone)]
    text = subprocess.run([*git, "show", f"HEAD:generated/{place}/types.json"], check=True, capture_output=True).stdout
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    items = json.loads(text)
    found = next(
        item for item in items if item["$type"] == "ResourceType" and item["name"].split("@")[0].lower() == name.lower()
    )
    cloned = Cloned(items)
    body = cloned.type(found["body"])["shape"]
    return {
        "type": found["name"],
        "source": f"Azure/bicep-types-az {commit}",
        "scopes": [scope for bit, scope in enumerate(SCOPES) if found["writableScopes"] & 1 << bit],
        "body": body,
        "shapes": pruned(body, cloned.shapes),
    }


class Cloned:
    """The shapes that are reached in one `types.json`."""

    def __init__(self, items: list[dict]):
        self.items, self.shapes = items, {}

    def type(self, reference: dict) -> str | dict:
        item = self.items[int(reference["$ref"].removeprefix("#/"))]
        match item["$type"]:
            case "ObjectType":
                if item["name"] not in self.shapes:
                    shape = self.shapes[item["name"]] = {"fields": {}}
                    for key, entry in item["properties"].items():
                        flags = "".join(
                            letter for bit, letter in ((1, "R"), (2, "r"), (8, "c")) if entry["flags"] & bit
                        )
                        shape["fields"][key] = [self.type(entry["type"]), flags]
                    if more := item.get("additionalProperties"):
                        shape["more"] = self.type(more)
                return {"shape": item["name"]}
            case "ArrayType":
                return {"list": self.type(item["itemType"])}
            case "UnionType":
                return {"one": [self.type(option) for option in item["elements"]]}
            case "StringLiteralType":
                return f"'{item['value']}'"
            case "StringType":
                return "string"
            case "IntegerType":
                limits = {LIMITS[key]: item[key] for key in ("minValue", "maxValue") if key in item}
                return {"number": limits} if limits else "int"
            case "BooleanType":
                return "bool"
        return "any"


def pruned(body: str, shapes: dict[str, dict]) -> dict[str, dict]:
    """Return the shapes that the body needs; lists that Azure alone writes keep no inner shape."""
    kept: dict[str, dict] = {}

    def keep(kind: str | dict) -> None:
        if isinstance(kind, dict):
            (word, inner), *_ = kind.items()
            if word == "shape":
                walk(inner)
            elif word in ("list", "one"):
                for one in inner if isinstance(inner, list) else [inner]:
                    keep(one)

    def walk(name: str) -> None:
        if name in kept:
            return
        shape = kept[name] = {**shapes[name], "fields": {}}
        for key, (kind, flags) in shapes[name]["fields"].items():
            hollow = "r" in flags and isinstance(kind, dict) and "list" in kind
            shape["fields"][key] = ["any" if hollow else kind, flags]
            if not hollow:
                keep(kind)
        keep(shape.get("more", "any"))
        for inner in shape.get("variants", {}).values():
            walk(inner)

    walk(body)
    return kept


def write(described: dict) -> None:
    path = FOLDER / (described["type"].split("@")[0].replace("/", "_") + ".json")
    path.write_text(json.dumps(described, indent=None, separators=(",", ":"), sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clone", type=Path)
    clone = parser.parse_args().clone
    FOLDER.mkdir(exist_ok=True)
    for described in [look_up(clone, *one) for one in CLONED] if clone else map(ask, ASKED):
        write(described)


if __name__ == "__main__":
    main()
