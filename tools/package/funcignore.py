"""What `.funcignore` leaves in the package. Its patterns are those of `.gitignore`."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec


def read_patterns(text: str) -> GitIgnoreSpec:
    """Read the lines of a `.funcignore` (gitignore(5))."""
    return GitIgnoreSpec.from_lines(text.splitlines())


def is_deployed(path: PurePosixPath, patterns: GitIgnoreSpec) -> bool:
    """Whether a file, named relative to the root, is left in."""
    return not patterns.match_file(path)


def deployed_files(root: Path, patterns: GitIgnoreSpec) -> Iterator[Path]:
    """The files of a folder that are left in; ignored folders are not looked into."""
    for folder, folders, files in root.walk():
        relative = PurePosixPath(folder.relative_to(root))
        folders[:] = sorted(
            name for name in folders if not patterns.match_file(f"{relative / name}/")
        )
        for name in sorted(files):
            if is_deployed(relative / name, patterns):
                yield folder / name
