"""What lies inside a value: `owner.name` and `owner[index]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fitting import either, misfit, unknown
from .tree import Index, Member, Unary, thing
from .types import ANY, INT, NULL, TEXT, Choice, List, Literal, Null, Struct, Tagged, Type

if TYPE_CHECKING:
    from .judge import Judge, Locals


def infer_member(judge: Judge, node: Member | Index, names: Locals) -> Type:
    owner = judge.infer(node.owner, names)
    if isinstance(node, Index):
        index = judge.infer(node.index, names)
        if isinstance(owner, List):
            if problem := misfit(index, INT):
                judge.report(node.index, f"index: {problem}")
            return owner.item
        key = index.value if isinstance(index, Literal) else None
        if problem := misfit(index, TEXT) if isinstance(owner, Struct) else "":
            judge.report(node.index, f"key: {problem}")
        if key is None:
            kinds = [item.type for item in owner.fields.values()] if isinstance(owner, Struct) else []
            return either(*kinds) if kinds and owner.more is None else ANY
    else:
        key = node.name
        check_presence(judge, node)
    return member(judge, node, owner, key)


def member(judge: Judge, node: Member | Index, owner: Type, key: str) -> Type:
    match owner:
        case Choice(options=options):
            if NULL in options and not node.safe:
                judge.report(node, f"{key} of what may be null: use .? or !")
            return either(*(member(judge, node, option, key) for option in options if not isinstance(option, Null)))
        case Struct():
            if key in owner.fields:
                return owner.fields[key].type
            if owner.more is None:
                judge.report(node, unknown(key, owner))
            return owner.more or ANY
        case Tagged():
            everywhere = [owner.base, *(owner.variant(value).fields for value in owner.variants)]
            found = next((fields[key] for fields in everywhere if key in fields), None)
            if found is None:
                judge.report(node, f"{owner.name} has no property {key}")
            return ANY if found is None else found.type
    if type(owner) is not Type:
        judge.report(node, f"{owner.label} has no property {key}" + (": give an index" * isinstance(owner, List)))
    return ANY


def check_presence(judge: Judge, node: Member) -> None:
    """A module or resource under a condition may not be there."""
    item = judge.file.symbols.get(thing(node.owner)) if not isinstance(node.owner, Unary) else None
    if item and item.condition and not item.existing and not node.safe and node.name in ("outputs", "properties"):
        judge.report(node, f"{item.name} is made under a condition only: it may not be there")
