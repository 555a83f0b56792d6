"""Verifies folders that packages were installed to against the RECORDs in them.

Reads lines with a folder, answers each with JSON: {"records", "files", "bytes", "leftBehind", "faults"}. The folder is one of `--target`, with
RECORD as pip writes it there: relative to the `lib/python` of a folder from which pip has moved everything here. So `../../bin/x` is `bin/x` here,
and `../x`, which is data for `lib`, pip leaves behind: that is counted and no fault.
"""

import base64
import csv
import hashlib
import json
import os
import re
import sys


def verify(folder: str) -> dict:
    faults, listed, left_behind, size = [], set(), 0, 0
    records = [name for name in os.listdir(folder) if name.endswith(".dist-info")]
    for name in records:
        with open(os.path.join(folder, name, "RECORD"), newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        for row in rows:
            if len(row) != 3:
                faults.append(f"{name}: row {row}")
                continue
            path, digest, length = row
            if re.match(r"\.\./(?!\.\.)", path):
                left_behind += 1
                continue
            path = os.path.normpath(re.sub(r"^(\.\./)+", "", path))
            if path in listed:
                faults.append(f"twice: {path}")
            listed.add(path)
            full = os.path.join(folder, path)
            if not os.path.isfile(full):
                faults.append(f"missing: {path}")
                continue
            with open(full, "rb") as file:
                content = file.read()
            size += len(content)
            if not digest:
                if path != os.path.join(name, "RECORD"):
                    faults.append(f"without a hash: {path}")
                continue
            algorithm, _, value = digest.partition("=")
            actual = hashlib.sha256(content)
            if algorithm != "sha256":
                faults.append(f"{algorithm}: {path}")
            # Some wheels bring hexadecimal digests, which installers keep.
            if value not in (base64.urlsafe_b64encode(actual.digest()).rstrip(b"=").decode(), actual.hexdigest()):
                faults.append(f"hash: {path}")
            if length != str(len(content)):
                faults.append(f"size: {path}")
    found = {
        os.path.relpath(os.path.join(parent, name), folder) for parent, _, names in os.walk(folder) for name in names
    }
    faults += [f"not listed: {path}" for path in sorted(found - listed)]
    return {
        "records": len(records),
        "files": len(found),
        "bytes": size,
        "leftBehind": left_behind,
        "faults": faults,
    }


for line in sys.stdin:
    print(json.dumps(verify(line.rstrip("\n"))), flush=True)
