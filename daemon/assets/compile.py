"""Byte-compiles files of pipd's wheel store, one request a line, until its input ends.

Request: {"tree": folder, "output": folder, "tag": cache tag, "files": [path, ...]}; paths are relative to the tree. The byte code of `a/b.py` goes
to `<output>/a/__pycache__/b.<tag>.pyc`, with the source's time and size in it and `a/b.py` as its file name (Python puts the real one in
when it imports). Answer: {"compiled": [path, ...]}, those that could be compiled; pip, too, is silent about the others.
"""

import json
import os
import py_compile
import sys
import warnings


def compile_file(tree, output, tag, path):
    folder, name = os.path.split(path)
    cache = os.path.join(output, folder, "__pycache__")
    os.makedirs(cache, exist_ok=True)
    try:
        py_compile.compile(
            os.path.join(tree, path),
            cfile=os.path.join(cache, "{}.{}.pyc".format(name[: -len(".py")], tag)),
            dfile=path,
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP,
        )
    except Exception:  # whatever a source file makes the compiler raise: syntax, encoding, nesting, null bytes
        return False
    return True


def main():
    os.umask(0o022)
    try:
        os.nice(19)
    except OSError:
        pass
    warnings.simplefilter("ignore")
    answers = sys.stdout.buffer
    # A file under compilation must not be able to write into the answers.
    sys.stdout = sys.stderr
    for line in sys.stdin.buffer:
        request = json.loads(line.decode("utf-8"))
        compiled = [
            path
            for path in request["files"]
            if compile_file(request["tree"], request["output"], request["tag"], path)
        ]
        answers.write(json.dumps({"compiled": compiled}).encode("ascii") + b"\n")
        answers.flush()


main()
