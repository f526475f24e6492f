"""The checker knows the language, not only our files: small files, right and wrong."""

import pytest
from infra.bicep.check import check
from infra.bicep.reading import NotBicepError, read
from infra.bicep.tree import Binary, Call, Member, Ternary
from infra.suite import LIBRARY

ACCOUNT = """
param location string = resourceGroup().location
resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: 'stexample'
  location: location
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
  }
}
"""
VAULT = "resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {\n  name: 'kv-example'\n}\n"
USE = "output used string = "


def found(tmp_path, text, **others):
    """What is wrong with a file `main.bicep` of this text, and with others beside it."""
    for name, content in {
        "main.bicep": text,
        **{name.replace("_", "."): text for name, text in others.items()},
    }.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    return [finding.message for finding in check(tmp_path, LIBRARY)]


RIGHT = {
    "an empty file": "",
    "a resource": ACCOUNT,
    "comments": "// one\n/* two\nlines */ var x = 1 // three\noutput y int = x\n",
    "text in several lines": "output x string = '''\nit's ${not} read\n'''\n",
    "escapes": "output x string = 'it\\'s \\${not} a \\u{1F600} \\n'\n",
    "text in text": "param a string\noutput x string = '${a}-${toUpper('${a}b')}'\n",
    "one line": "var x = { a: 1, b: [ 2, 3 ] }\noutput y int = x.b[0] + x.a\n",
    "a ternary over lines": "param a bool\noutput x int = a\n  ? 1\n  : 2\n",
    "arguments over lines": "output x string = join(\n  [\n    'a'\n  ],\n  ','\n)\n",
    "optional values": "param a string?\noutput x string = a ?? 'none'\noutput y int = length(a!)\n",
    "a type of one's own": "type size = 'S' | 'L'\nparam a size = 'S'\noutput x string = a\n",
    "an object type": "param a {\n  b: string\n  c: int?\n  *: bool\n}\noutput x string = a.b\noutput y int? = a.?c\n",
    "loops with functions": "param a string[]\noutput x array = [for (b, i) in a: {\n  name: b\n  at: i\n}]\n"
    "output y array = map(a, b => '${b}!')\n",
    "a filtered loop": "param a int[]\nvar b = [for x in a: x * 2]\noutput c array = filter(b, x => x > 2)\n",
    "a loop in a variable": "param a int[]\nvar b = [for x in a: {\n  c: x\n}]\noutput d array = [for y in b: y.c]\n",
    "a loop whose item is called like the resource": ACCOUNT.replace("= {", "= [for account in ['a', 'b']: {", 1)
    .replace("'stexample'", "'st${account}'")
    .rstrip()
    + "]\n",
    "what is known to be there": "param a bool\n"
    + ACCOUNT.replace("= {", "= if (a) {", 1)
    + "output x string = a ? account!.properties.accessTier : ''\n",
    "a condition with a safe look": "param a bool\n"
    + ACCOUNT.replace("= {", "= if (a) {", 1)
    + "output x string? = account.?properties.accessTier\n",
    "an existing resource": VAULT + "output x string = vault.properties.vaultUri\n",
    "a child by its parent": ACCOUNT
    + (
        "resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {\n"
        "  parent: account\n  name: 'default'\n}\n"
    ),
    "a secure output": "@secure()\nparam a string\n@secure()\noutput x string = a\n",
    "a namespace": "output x string = az.resourceGroup().id\n",
    "comparing without case": "param a string\noutput x bool = a =~ 'B' && !(a == 'c') || a != 'd'\n",
    "numbers": "param a int\noutput x int = -a * 2 + 7 % 3 - (a / 2)\n",
    "a spare decorator": "@description('a')\n@metadata({\n  example: 'b'\n})\nparam a string\noutput x string = a\n",
}
WRONG = {
    "no newline between statements": ("var x = 1 var y = 2\n", "a new line expected"),
    "a comma at the end of a line": ("var x = {\n  a: 1,\n  b: 2\n}\noutput y object = x\n", "no comma"),
    "arguments without comma": ("output x string = replace('a'\n'b'\n'c')\n", "',' or ')'"),
    "an open comment": ("/* never ends\nvar x = 1\n", "expected"),
    "an unknown escape": ("output x string = '\\d'\n", "an escape"),
    "a decorator without parentheses": ("@secure\nparam a string\noutput x bool = empty(a)\n", "parentheses"),
    "one equals sign": ("param a int\noutput x bool = a = 1\n", "a new line"),
    "an operator in words": ("param a bool\noutput x bool = a and a\n", "a new line"),
    "a value that may be null": ("param a {\n  b: string\n}?\noutput x string = a.b\n", "may be null"),
    "null for what is required": ("param a string = null\noutput x string = a\n", "null given"),
    "a list where one is wanted": ("param a string[]\noutput x string = a\n", "array given"),
    "text for a number": ("output x int = 'a'\n", "string given"),
    "a wrong index": ("param a string[]\noutput x string = a['b']\n", "index"),
    "a member of text": ("param a string\noutput x string = a.length\n", "no property length"),
    "a member of a loop": (
        ACCOUNT.replace("= {", "= [for i in range(0, 2): {", 1).replace("stexample", "st${i}").rstrip()
        + "]\noutput x string = account.id\n",
        "give an index",
    ),
    "the same name in a loop": (ACCOUNT.replace("= {", "= [for i in range(0, 2): {", 1).rstrip() + "]\n", "each name"),
    "a condition that is text": (ACCOUNT.replace("= {", "= if ('yes') {", 1), "bool expected"),
    "a loop over an object": ("var x = [for y in {\n  a: 1\n}: y]\noutput z array = x\n", "array expected"),
    "a property of what is made under a condition": (
        "param a bool\n"
        + ACCOUNT.replace("= {", "= if (a) {", 1)
        + "output x string = account.properties.accessTier\n",
        "under a condition only",
    ),
    "concat": ("param a string\noutput x string = concat('a', a)\n", "${}"),
    "a text of one expression": ("param a string\noutput x string = '${a}'\n", "one expression"),
    "a text where adding does not work": ("param a string\noutput x string = a + 'b'\n", "int expected"),
    "an output twice": (USE + "'a'\n" + USE + "'b'\n", "declared twice"),
    "a parameter without type": ("param a = 'b'\noutput x string = a\n", "has no type"),
    "limits the wrong way round": ("@minLength(5)\n@maxLength(3)\nparam a string\noutput x string = a\n", "above"),
    "a limit that is text": ("@minLength('5')\nparam a string\noutput x string = a\n", "whole number"),
    "an allowed value of another type": (
        "@allowed([\n  1\n])\nparam a string\noutput x string = a\n",
        "string expected",
    ),
    "a secret number": ("@secure()\nparam a int\noutput x int = a\n", "@secure is for"),
    "a secret by way of a variable": (
        "@secure()\nparam a string\nvar b = 'x${a}'\noutput c string = b\n",
        "tells a secret",
    ),
    "a secret by the name of a property": (
        "resource i 'Microsoft.Insights/components@2020-02-02' existing = {\n  name: 'i'\n}\n"
        "output x string = i.properties.InstrumentationKey\n",
        "tells a secret",
    ),
    "a decorator that stands at the wrong place": (
        "@minLength(1)\nvar x = 'a'\noutput y string = x\n",
        "cannot stand before",
    ),
    "a wrong targetScope": ("targetScope = 'group'\n", "targetScope"),
    "a resource in another scope": (
        "targetScope = 'subscription'\n" + ACCOUNT.replace("resourceGroup().location", "deployment().name"),
        "cannot be deployed",
    ),
    "a parent of another kind": (
        VAULT
        + (
            "resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {\n"
            "  parent: vault\n  name: 'default'\n}\n"
        ),
        "cannot be part of",
    ),
    "a child with slashes in its name": (
        "resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {\n"
        "  name: 'stexample/default'\n}\n",
        "use parent",
    ),
    "a name that is known later": (
        ACCOUNT.replace("'stexample'", "other.properties.vaultUri") + VAULT.replace("vault ", "other ", 1),
        "while the deployment runs",
    ),
    "a clock in a name": (
        "param now string = utcNow()\n" + ACCOUNT.replace("'stexample'", "'st${now}'"),
        "another one each time",
    ),
    "a comparison of two kinds": ("param a bool\noutput x bool = a == 'true'\n", "never equal"),
    "a place outside of a default": (
        ACCOUNT.replace("location: location", "location: resourceGroup().location"),
        "take a",
    ),
    "a number out of range": (
        "resource l 'Microsoft.OperationalInsights/workspaces@2025-02-01' = {\n"
        "  name: 'log-a'\n  location: 'global'\n  properties: {\n    workspaceCapping: {\n"
        "      dailyQuotaGb: '1'\n    }\n  }\n}\n",
        "int expected",
    ),
    "a module that is not there": ("module m 'm.bicep' = {\n  name: 'm'\n}\n", "no file"),
    "an unused existing resource": (VAULT, "never used"),
    "a role assignment by any name": (
        "resource r 'Microsoft.Authorization/roleAssignments@2022-04-01' = {\n  name: 'mine'\n"
        "  properties: {\n    principalId: 'p'\n    roleDefinitionId: 'r'\n  }\n}\n",
        "made by guid()",
    ),
}
MODULE = (
    "param size int\n@secure()\nparam code string\noutput id string = 'a${size}'\n"
    "@secure()\noutput code string = code\n"
)
CALL = (
    "module m 'm.bicep' = {\n  name: 'm'\n  params: {\n    size: 1\n    code: 'c'\n  }\n"
    "}\noutput x string = m.outputs.id\n"
)


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_passes(tmp_path, name):
    assert found(tmp_path, RIGHT[name]) == []


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(tmp_path, name):
    text, why = WRONG[name]
    assert any(why in message for message in found(tmp_path, text))


def test_a_module_is_an_interface(tmp_path):
    assert found(tmp_path, CALL, m_bicep=MODULE) == []


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("    size: 1\n", "", "size is missing"),
        ("size: 1", "size: '1'", "int expected"),
        ("size: 1", "size: 1\n    colour: 'red'", "no property colour"),
        ("outputs.id", "outputs.ID", "no property ID"),
        ("outputs.id", "output.id", "no property output"),
        ("  name: 'm'\n", "  name: 'm'\n  location: 'here'\n", "not location"),
        ("'m.bicep' = {", "'main.bicep' = {", "its own module"),
    ],
)
def test_a_module_call_that_does_not_fit_is_named(tmp_path, old, new, why):
    assert any(why in message for message in found(tmp_path, CALL.replace(old, new, 1), m_bicep=MODULE))


def test_a_secret_must_stay_one_in_a_module(tmp_path):
    call = "@secure()\nparam c string\n" + CALL.replace("'c'", "c")
    assert found(tmp_path, call, m_bicep=MODULE) == []
    open_module = MODULE.replace("@secure()\n", "", 1)
    assert any("takes a secret" in message for message in found(tmp_path, call, m_bicep=open_module))


def test_a_parameter_file_is_held_to_its_template(tmp_path):
    given = "using 'm.bicep'\n\nvar one = 1\n\nparam size = one\nparam code = 'c'\n"
    assert found(tmp_path, "", m_bicep=MODULE, x_bicepparam=given) == []
    for old, new, why in (
        ("param size = one\n", "param size = '${one}'\n", "int expected"),
        ("param code = 'c'\n", "", "no default and is not given"),
        ("param code", "param kode", "has no parameter kode"),
        ("'m.bicep'", "'n.bicep'", "no file"),
        ("using 'm.bicep'\n", "", "no `using`"),
        ("= 'c'", "= listKeys('c')", ""),
    ):
        messages = found(tmp_path, "", m_bicep=MODULE, x_bicepparam=given.replace(old, new))
        assert not why or any(why in message for message in messages), (new, messages)


def test_operators_bind_as_in_the_language():
    """tree-sitter's grammar has these wrong, which is why we do not build on it."""
    (item,) = read("var x = a ? b : c.d\n")
    assert isinstance(item.value, Ternary)
    assert isinstance(item.value.no, Member)
    (item,) = read("var x = a + b * c == d && e\n")
    assert isinstance(item.value, Binary)
    assert (item.value.sign, item.value.left.sign) == ("&&", "==")
    (item,) = read("var x = [\n  f(a)\n  g(b)\n]\n")
    assert [type(one) for one in item.value.items] == [Call, Call]


def test_a_fault_is_told_with_its_place():
    with pytest.raises(NotBicepError) as error:
        read("var x = 1\nvar y = {\n  a 1\n}\n")
    assert error.value.at == len("var x = 1\nvar y = {\n  a ")
