"""Reads JSON lines {"command", "args", "env", "files"} and answers what pip's own option parser makes of them."""
import contextlib
import io
import json
import os
import sys

if len(sys.argv) > 1:
    sys.path.insert(0, sys.argv[1])

for name in list(os.environ):
    if name.startswith("PIP_"):
        del os.environ[name]

from pip._internal.commands import create_command

base = dict(os.environ)
for line in sys.stdin:
    case = json.loads(line)
    os.environ.clear()
    os.environ.update(base)
    os.environ.update(case["env"])
    out, err = io.StringIO(), io.StringIO()
    answer = {}
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            command = create_command(case["command"], isolated="--isolated" in case["args"])
            options, args = command.parse_args(list(case["args"]))
            values = {}
            for key, value in vars(options).items():
                if isinstance(value, (bool, int, float, str, list, type(None))):
                    values[key] = value
            format_control = getattr(options, "format_control", None)
            if format_control is not None:
                values["no_binary"] = sorted(format_control.no_binary)
                values["only_binary"] = sorted(format_control.only_binary)
            answer = {"values": values, "args": args}
        except SystemExit as error:
            answer = {"exit": error.code, "message": err.getvalue().strip().splitlines()[-1:] or out.getvalue().strip().splitlines()[-1:]}
    print(json.dumps(answer), flush=True)
