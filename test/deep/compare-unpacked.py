"""Compares unpacked wheels with what Python's zipfile reads from the archives.

Reads lines `<archive>\t<folder>`, answers each with `ok` or with the first difference.
"""

import os
import stat
import sys
import zipfile


def difference(archive: str, folder: str) -> "str | None":
    with zipfile.ZipFile(archive) as wheel:
        entries = {entry.filename: entry for entry in wheel.infolist() if not entry.is_dir()}
        found = {
            os.path.relpath(os.path.join(parent, name), folder).replace(os.sep, "/")
            for parent, _, names in os.walk(folder)
            for name in names
        }
        if found != set(entries):
            return f"other files: {sorted(found ^ set(entries))[:3]}"
        for name, entry in entries.items():
            path = os.path.join(folder, name)
            mode = entry.external_attr >> 16
            executable = bool(mode and stat.S_ISREG(mode) and mode & 0o111)
            if stat.S_IMODE(os.stat(path).st_mode) != (0o755 if executable else 0o644):
                return f"mode of {name}"
            with open(path, "rb") as file:
                if file.read() != wheel.read(entry):
                    return f"content of {name}"
    return None


for line in sys.stdin:
    print(difference(*line.rstrip("\n").split("\t")) or "ok", flush=True)
