"""Every file below a folder, once: what is taken, and what is skipped with the reason."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from striate.data.dataset import FileVerdict


@dataclass
class Scan:
    """What lies below a folder, as parts relative to it, in order of name.

    Args:
        files: to be taken; `skipped` ones carry the reason.
        folders: all but hidden ones.
    """

    root: Path
    folders: list[tuple[str, ...]] = field(default_factory=list)
    files: list[tuple[str, ...]] = field(default_factory=list)
    skipped: list[FileVerdict] = field(default_factory=list)

    def skip(self, parts: tuple[str, ...], reason: str, detail: str) -> None:
        """Note a file that is no record."""
        self.skipped.append(FileVerdict(printable("/".join(parts)), "", "excluded", reason, detail))


def scan(root: Path) -> Scan:
    """Walk a folder without following symbolic links: no loop, no escape, no file twice."""
    found = Scan(root)
    _walk(found, root, (), hidden=False, real_root=root.resolve())
    return found


def printable(text: str) -> str:
    """A file name that is valid Unicode: bytes that are none are written like `\\xff`."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def _walk(found: Scan, folder: Path, parts: tuple[str, ...], hidden: bool, real_root: Path) -> None:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        found.skip(parts or (".",), "unreadable", f"The folder cannot be read: {error.strerror}.")
        return
    for entry in entries:
        here = (*parts, entry.name)
        dotted = hidden or entry.name.startswith(".")
        if entry.is_symlink():
            found.skip(here, *_link(Path(entry.path), real_root))
        elif entry.is_dir(follow_symlinks=False):
            if not dotted:
                found.folders.append(here)
            _walk(found, Path(entry.path), here, dotted, real_root)
        elif not entry.is_file(follow_symlinks=False):
            found.skip(here, "not-a-file", "It is a pipe, socket or device.")
        elif dotted:
            found.skip(here, "dot-file", "Files and folders whose name begins with a dot are left.")
        else:
            found.files.append(here)


def _link(link: Path, real_root: Path) -> tuple[str, str]:
    """Why a symbolic link is not followed: (reason, sentence)."""
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # Python 3.11 and 3.12 raise RuntimeError for a loop
        return "symlink-broken", f"A symbolic link to {printable(str(link.readlink()))}, not there."
    if link.parent.resolve().is_relative_to(target):
        return "symlink-loop", "A symbolic link to a folder that contains it."
    if not target.is_relative_to(real_root):
        return "symlink-escape", "A symbolic link that leads out of the dataset's folder."
    return "symlink-duplicate", "A symbolic link to a file or folder that is found by itself."
