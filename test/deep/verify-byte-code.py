"""Verifies the byte code of an environment, for this interpreter: the argument is its site-packages; prints a line for each fault.

Every `.pyc` must be in a RECORD and valid for the source beside it, as Python's import would find; every row of a RECORD must be on the disk.
"""

import csv
import importlib._bootstrap_external as bootstrap
import os
import sys


def fault_of(path: str) -> "str | None":
    with open(path, "rb") as file:
        code = file.read()
    try:
        flags = bootstrap._classify_pyc(code, path, {})
        if flags:
            return "not validated by its time stamp"
        source = os.stat(bootstrap.source_from_cache(path))
        bootstrap._validate_timestamp_pyc(code, int(source.st_mtime), source.st_size & 0xFFFFFFFF, path, {})
        bootstrap._compile_bytecode(memoryview(code)[16:], path, path)
    except (ImportError, EOFError, OSError) as error:
        return str(error)
    return None


root = sys.argv[1]
listed = set()
for name in os.listdir(root):
    if name.endswith(".dist-info"):
        with open(os.path.join(root, name, "RECORD"), newline="", encoding="utf-8") as file:
            listed.update(os.path.normpath(os.path.join(root, row[0])) for row in csv.reader(file) if row)
for path in sorted(listed):
    if not os.path.exists(path):
        print(f"listed, but missing: {path}")
for parent, _, names in os.walk(root):
    for path in sorted(os.path.join(parent, name) for name in names if name.endswith(".pyc")):
        if path not in listed:
            print(f"not listed: {path}")
        fault = fault_of(path)
        if fault:
            print(f"{path}: {fault}")
