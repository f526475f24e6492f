"""The files of a template, what each declares, and what was found wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from .fitting import either
from .reading import NotBicepError, read
from .tree import (
    Call,
    Declaration,
    Node,
    Text,
    TypeArray,
    TypeName,
    TypeObject,
    TypeOptional,
    TypeUnion,
    Value,
)
from .types import (
    ANY,
    BOOL,
    INT,
    NULL,
    TEXT,
    Choice,
    Field,
    Integer,
    Library,
    List,
    Literal,
    Number,
    Resource,
    String,
    Struct,
    Type,
)

PRIMITIVES = {
    "string": TEXT,
    "int": INT,
    "bool": BOOL,
    "object": Struct("object", {}, ANY),
    "array": List(ANY),
    "any": ANY,
}


@dataclass(frozen=True, order=True)
class Finding:
    """Something wrong: file, line, what."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class Template:
    """All files that were opened, starting from some of them."""

    def __init__(self, root: Path, library: Library):
        self.root, self.library = root, library
        self.files: dict[Path, BicepFile | None] = {}

    def open(self, path: Path) -> BicepFile | None:
        """Return a file, read once; None if there is none."""
        path = path.resolve()
        if path not in self.files:
            self.files[path] = BicepFile(path, self) if path.is_file() else None
        return self.files[path]


class BicepFile:
    """One file and its symbols."""

    def __init__(self, path: Path, template: Template):
        self.path, self.template = path, template
        self.text = path.read_text(encoding="utf-8")
        self.findings: set[Finding] = set()
        self.used: set[str] = set()
        self.statements: list[Declaration] = []
        self.is_parameters = path.suffix == ".bicepparam"
        self.readable = True
        try:
            self.statements = read(self.text)
        except NotBicepError as error:
            self.readable = False
            self.report(error.at, str(error))

    def report(self, at: Node | int, message: str) -> None:
        position = at if isinstance(at, int) else at.at
        name = self.path.relative_to(self.template.root.resolve()).as_posix()
        self.findings.add(Finding(name, self.text.count("\n", 0, position) + 1, message))

    def of(self, *kinds: str) -> list[Declaration]:
        return [item for item in self.statements if item.kind in kinds]

    @cached_property
    def symbols(self) -> dict[str, Declaration]:
        """What can be named in an expression."""
        return {item.name: item for item in self.of("param", "var", "resource", "module")}

    @cached_property
    def scope(self) -> str:
        """The `targetScope`."""
        found = next((item.value for item in self.of("targetScope")), None)
        return (found.constant if isinstance(found, Text) else None) or "resourceGroup"

    def resource(self, declaration: Declaration) -> Resource | None:
        """Return the type of a resource, whichever version the file names."""
        name = (declaration.reference.constant or "").split("@")[0]
        return self.template.library.get(name)

    def module(self, declaration: Declaration) -> BicepFile | None:
        """Return the file of a module, or the target of `using`."""
        reference = declaration.reference.constant if declaration.reference else None
        return self.template.open(self.path.parent / reference) if reference else None

    def data(self, call: Call) -> object:
        """Return what the file holds that `loadJsonContent` and its like name; None, reported, if it cannot be read."""
        name = call.arguments[0].constant if call.arguments and isinstance(call.arguments[0], Text) else None
        if name is None:
            self.report(call, f"{call.function} needs the path of a file as it stands")
            return None
        path = self.path.parent / name
        try:
            text = path.read_text(encoding="utf-8")
            if call.function == "loadTextContent":
                return text
            return json.loads(text) if call.function == "loadJsonContent" else yaml.safe_load(text)
        except (OSError, ValueError, yaml.YAMLError) as error:
            self.report(call, f"{name} cannot be read: {str(error).splitlines()[0]}")
            return None

    # ---- types that the file declares

    @cached_property
    def parameters(self) -> Struct:
        """What a module call or a parameter file may and must give."""
        fields = {}
        for item in self.of("param"):
            optional = item.value is not None or isinstance(item.type, TypeOptional)
            fields[item.name] = Field(lambda item=item: self.declared(item), required=not optional)
        return Struct(self.path.name, fields, None if self.readable else ANY)

    @cached_property
    def outputs(self) -> Struct:
        return Struct(
            f"outputs of {self.path.name}",
            {item.name: Field(lambda item=item: self.declared(item)) for item in self.of("output")},
            None if self.readable else ANY,
        )

    def declared(self, item: Declaration) -> Type:
        """Return the type of a parameter or output, with the limits of its decorators."""
        kind = self.type(item.type) if item.type else ANY
        allowed = item.decorator("allowed")
        if allowed and allowed.arguments:
            values = [node for node in allowed.arguments[0].children() if isinstance(node, Text | Value)]
            kind = either(*(self.constant(node) for node in values)) if values else kind
        limits = {
            call.function: call.arguments[0].value
            for call in item.decorators
            if call.arguments and isinstance(call.arguments[0], Value)
        }
        if isinstance(kind, String):
            return String(
                kind.pattern, limits.get("minLength", 0), limits.get("maxLength"), bool(item.decorator("secure"))
            )
        if isinstance(kind, Integer):
            return Integer(limits.get("minValue"), limits.get("maxValue"))
        return kind

    @staticmethod
    def constant(node: Node) -> Type:
        if isinstance(node, Text):
            return Literal(node.constant) if node.constant is not None else TEXT
        value = node.value if isinstance(node, Value) else None
        return BOOL if isinstance(value, bool) else NULL if value is None else Number(value)

    def type(self, node: Node) -> Type:
        """Return the type that a type expression names."""
        match node:
            case TypeName(name=name):
                if name in PRIMITIVES:
                    return PRIMITIVES[name]
                own = next((item for item in self.of("type") if item.name == name), None)
                if own is None:
                    self.report(node, f"there is no type {name}")
                    return ANY
                self.used.add(name)
                return self.type(own.type)
            case TypeArray(item=item):
                return List(self.type(item))
            case TypeOptional(inner=inner):
                return Choice((self.type(inner), NULL))
            case TypeUnion(options=options):
                return either(*(self.type(option) for option in options))
            case TypeObject(properties=properties):
                fields = {
                    item.key: Field(
                        lambda item=item: self.type(item.type), required=not isinstance(item.type, TypeOptional)
                    )
                    for item in properties
                    if item.key is not None
                }
                more = next((self.type(item.type) for item in properties if item.key is None), None)
                return Struct("type", fields, more)
        return self.constant(node)
