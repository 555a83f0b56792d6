"""Starts commands and times them from the start of the process to its end: Node needs milliseconds of its own for that, Python half of one.

Reads one JSON object a line: {"commands": [{"file", "args", "env", "cwd"?}]}; all of them are started at once. Answers with one line:
{"times": [ms], "status": [exit status], "output": "what the first one that failed printed"}.
"""

import json
import os
import sys
import tempfile
import time


def start(command):
    log = tempfile.TemporaryFile()
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, log.fileno(), 1),
        (os.POSIX_SPAWN_DUP2, log.fileno(), 2),
    ]
    os.chdir(command.get("cwd") or "/")
    argv = [command["file"], *command["args"]]
    begin = time.perf_counter()
    return os.posix_spawnp(command["file"], argv, command["env"], file_actions=actions), begin, log


for line in sys.stdin:
    running = [start(command) for command in json.loads(line)["commands"]]
    by_pid = {pid: index for index, (pid, _, _) in enumerate(running)}
    times = [0.0] * len(running)
    status = [0] * len(running)
    for _ in running:
        pid, code = os.waitpid(-1, 0)
        index = by_pid[pid]
        times[index] = (time.perf_counter() - running[index][1]) * 1000
        status[index] = os.waitstatus_to_exitcode(code)
    output = ""
    for code, (_, _, log) in zip(status, running):
        if code != 0 and not output:
            log.seek(0)
            output = log.read().decode(errors="replace")[-4000:]
    print(json.dumps({"times": times, "status": status, "output": output}), flush=True)
