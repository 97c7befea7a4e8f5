"""Saved mappings: one YAML file a version, which is never changed; the newest is the one that a name means."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.capture.importing.refusal import FileRefused
from services.capture.importing.suggesting import MappingFile, read_mapping

_FILE: Final = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9_-]*)\.v(?P<version>[0-9]+)\.yaml")
_NAMED: Final = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9_-]*)(?:@(?P<version>[0-9]+))?")


@dataclass(frozen=True, slots=True)
class SavedMapping:
    """A version of a mapping, and its file."""

    name: str
    version: int
    path: Path


class MappingFolder:
    """The mappings of an installation: `mappings/<name>.v<version>.yaml`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def versions(self) -> list[SavedMapping]:
        """Every version, by name, the newest last."""
        found = [
            SavedMapping(match["name"], int(match["version"]), path)
            for path in (self._folder.iterdir() if self._folder.is_dir() else ())
            if (match := _FILE.fullmatch(path.name))
        ]
        return sorted(found, key=lambda saved: (saved.name, saved.version))

    def find(self, wanted: str) -> SavedMapping | None:
        """`name` (its newest version) or `name@version`."""
        match = _NAMED.fullmatch(wanted)
        if match is None:
            return None
        of_name = [saved for saved in self.versions() if saved.name == match["name"]]
        if match["version"] is not None:
            of_name = [saved for saved in of_name if saved.version == int(match["version"])]
        return of_name[-1] if of_name else None

    def read(self, wanted: str) -> MappingFile:
        """A mapping by its file's path or by the name that it was saved under. Raises FileRefused."""
        if Path(wanted).is_file():
            return self._checked(Path(wanted))
        saved = self.find(wanted)
        if saved is None:
            raise FileRefused(f"there is no mapping {wanted}: neither a file nor one of `leadstream mappings list`")
        return self._checked(saved.path).model_copy(update={"name": saved.name, "version": saved.version})

    def save(self, name: str, text: str) -> tuple[SavedMapping, bool]:
        """Keep a mapping as the next version of `name`; the same text as the newest is that version, and not a new one.
        Raises FileRefused where it is no mapping, or the name is none."""
        if _NAMED.fullmatch(name) is None or "@" in name:
            raise FileRefused("a mapping's name has letters, digits, - and _")
        read_mapping(text.encode(), name)
        newest = self.find(name)
        if newest is not None and newest.path.read_text(encoding="utf-8") == text:
            return newest, False
        self._folder.mkdir(parents=True, exist_ok=True)
        version = newest.version + 1 if newest else 1
        while True:
            path = self._folder / f"{name}.v{version}.yaml"
            try:
                descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:  # somebody else saved meanwhile
                version += 1
                continue
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            return SavedMapping(name, version, path), True

    def _checked(self, path: Path) -> MappingFile:
        try:
            return read_mapping(path.read_bytes(), path.name)
        except OSError as error:
            raise FileRefused(f"the mapping cannot be read: {error.strerror}") from None
