"""YAML files read strictly into a model: every fault is a line for people, with the file and the line it is on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)
Place = tuple[str | int, ...]
Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C where PyYAML has it: ten times as fast."""


class CityError(Exception):
    """The city cannot be loaded; `faults` are lines for people."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass
class Source:
    """What files say, where each value stands, and what is wrong. `files`: the fields that each file holds."""

    files: Mapping[str, Sequence[str]]
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[Place, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def fault(self, place: Place, message: str) -> None:
        """Something is wrong at a place, which begins with the name of a file's field."""
        known = place
        while known and known not in self.lines:
            known = known[:-1]
        file = next(name for name, fields in self.files.items() if place[0] in fields)
        self.faults.append(f"{file}:{self.lines.get(known, 1)}: /{'/'.join(map(str, place))}: {message}")

    def read(self, path: Path) -> None:
        """Take in a file, which holds exactly its fields."""
        try:
            loader = Loader(path.read_text(encoding="utf-8"))
            node = loader.get_single_node()
            top = self._value(loader, node, (), path.name) if node is not None else {}
        except (yaml.YAMLError, UnicodeDecodeError, ValueError) as exc:
            mark = getattr(exc, "problem_mark", None)
            what = getattr(exc, "problem", None) or type(exc).__name__
            self.faults.append(f"{path.name}:{mark.line + 1 if mark else 1}: {what}")
            return
        if not isinstance(top, dict) or set(top) != set(self.files[path.name]):
            self.faults.append(f"{path.name}:1: holds exactly {', '.join(self.files[path.name])}")
            return
        self.values |= top

    def as_model(self, model: type[M]) -> M:
        """All that was read, as one. Raises `CityError` with every fault so far."""
        try:
            return model.model_validate(self.values, extra="forbid")
        except ValidationError as exc:
            for error in exc.errors(include_input=False):
                if error["type"] != "missing" or len(error["loc"]) > 1:  # a whole file's absence is told already
                    self.fault(error["loc"], error["msg"])
            raise CityError(self.faults) from None

    def _value(self, loader: yaml.SafeLoader, node: yaml.Node, place: Place, file: str) -> Any:
        self.lines[place] = node.start_mark.line + 1
        if isinstance(node, yaml.SequenceNode):
            return [self._value(loader, one, (*place, n), file) for n, one in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            return loader.construct_object(node)
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "a list or mapping as a key"
            if key in found:
                self.faults.append(f"{file}:{key_node.start_mark.line + 1}: {key} is there twice")
            found[key] = self._value(loader, value_node, (*place, key), file)
        return found
