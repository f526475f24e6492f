"""The functions that Bicep knows: how many arguments of which kinds, and what comes back.

Kinds: s string, i int, b bool, o object, a array, x anything, f lambda; several letters are alternatives. `?` makes an
argument optional, `*` lets it be repeated. After `=` comes the result; `1` is the type of the first argument.
"""

from __future__ import annotations

from dataclasses import dataclass

from .types import ANY, BOOL, INT, TEXT, Field, List, Struct, Type

_TABLE = """
any x = x                             array x = a                           base64 s = s
base64ToJson s = x                    base64ToString s = s                  bool x = b
buildUri o = s                        cidrHost s i = s                      cidrSubnet s i i = s
coalesce x* = x                       concat sabi* = 1                        contains soa x = b
dataUri x = s                         dataUriToString s = s                 dateTimeAdd s s s? = s
dateTimeFromEpoch i = s               dateTimeToEpoch s = i                 deployer = o
empty soa = b                         endsWith s s = b                      extension s = o
extensionResourceId s s s* = s        fail s = x                            filter a f = 1
first sa = x                          flatten a = a                         format s x* = s
groupBy a f = o                       guid s* = s                           indexOf sa x = i
int x = i                             intersection oa* = 1                  items o = a
join a s = s                          json s = x                            last sa = x
lastIndexOf sa x = i                  length soa = i                        loadDirectoryFileInfo s s? = a
loadFileAsBase64 s = s                loadJsonContent s s? s? = x           loadTextContent s s? = s
loadYamlContent s s? s? = x           managementGroup s? = o                managementGroupResourceId s s s* = s
map a f = a                           mapValues o f = o                     max ia i* = i
min ia i* = i                         nameof x = s                          newGuid = s
objectKeys o = a                      padLeft si i s? = s                   parseCidr s = o
parseUri s = o                        pickZones s s s i? i? = a             range i i = a
readEnvironmentVariable s s? = s      reduce a x f = x                      reference s s? s? = x
replace s s s = s                     resourceId s s s* = s                 shallowMerge a = o
skip sa i = 1                         sort a f = 1                          split s sa = a
startsWith s s = b                    string x = s                          subscriptionResourceId s s s* = s
substring s i i? = s                  take sa i = 1                         tenantResourceId s s s* = s
toLogicalZone s s s = s               toLower s = s                         toObject a f f? = o
toUpper s = s                         trim s = s                            union oa* = 1
uniqueString s* = s                   uri s s = s                           uriComponent s = s
uriComponentToString s = s            utcNow s? = s                         zip a a = a
"""
KINDS = {"s": "string", "i": "int", "b": "bool", "o": "object", "a": "array"}


@dataclass(frozen=True)
class Function:
    fewest: int
    most: int | None
    kinds: tuple[str, ...]
    result: str

    def kind(self, position: int) -> str:
        return self.kinds[min(position, len(self.kinds) - 1)].rstrip("?*")


def _read(table: str) -> dict[str, Function]:
    words = table.split()
    found = {}
    while words:
        name, *_ = words
        end = words.index("=")
        kinds = tuple(words[1:end])
        repeated = bool(kinds) and kinds[-1].endswith("*")
        fewest = sum(not kind.endswith(("?", "*")) for kind in kinds) or int(repeated)
        found[name] = Function(fewest, None if repeated else len(kinds), kinds, words[end + 1])
        del words[: end + 2]
    return found


FUNCTIONS = _read(_TABLE)
RESULTS = {"s": TEXT, "i": INT, "b": BOOL, "a": List(ANY), "o": Struct("object", {}, ANY), "x": ANY}


def _struct(label: str, /, **fields: Type) -> Struct:
    return Struct(label, {key: Field(lambda kind=kind: kind) for key, kind in fields.items()})


_SUFFIXES = ("acrLoginServer", "keyvaultDns", "sqlServerHostname", "storage", "azureDatalakeStoreFileSystem")
# What is asked about the place of a deployment: fewest and most arguments, result.
PLACES: dict[str, tuple[int, int, Struct]] = {
    "resourceGroup": (
        0,
        2,
        _struct(
            "resourceGroup", id=TEXT, name=TEXT, type=TEXT, location=TEXT, managedBy=TEXT, tags=ANY, properties=ANY
        ),
    ),
    "subscription": (
        0,
        1,
        _struct("subscription", id=TEXT, subscriptionId=TEXT, tenantId=TEXT, displayName=TEXT),
    ),
    "tenant": (0, 0, _struct("tenant", tenantId=TEXT, displayName=TEXT, countryCode=TEXT)),
    "deployment": (0, 0, _struct("deployment", name=TEXT, location=TEXT, properties=ANY)),
    "environment": (
        0,
        0,
        _struct(
            "environment",
            name=TEXT,
            suffixes=_struct("suffixes", **dict.fromkeys(_SUFFIXES, TEXT)),
            authentication=ANY,
            resourceManager=TEXT,
            portal=TEXT,
            graph=TEXT,
        ),
    ),
}
ONLY_IN_DEFAULTS = {"utcNow", "newGuid"}
ONLY_IN_PARAMETER_FILES = {"readEnvironmentVariable", "externalInput", "readCliArg"}
