"""As much of systemd as a socket unit with its service needs: reads the two units, binds, starts the service for the first connection, hands it the
socket as descriptor 3, and does so again when it has ended and somebody waits. Commands come on standard input, one a line; what happens is
printed, one a line.

    small-systemd.py FOLDER SPECIFIER-T   the folder with pipd.socket and pipd.service, and what %t stands for

What the service writes on its standard error is added to SPECIFIER-T/journal.

    "listening"                the socket is bound
    "started PID"              the service runs
    "ended STATUS"             it has ended: its exit status, or minus the signal
    "failed"                   it was started too often (StartLimitBurst); the socket is closed

Commands: "start" (the service, without a connection), "stop" (the service), "wrong pid", "wrong count" (of the starts to come), "right", "quit".
"""
import os
import re
import select
import signal
import socket
import sys
import time


def read_unit(path):
    settings = {}
    for line in open(path, encoding="utf-8"):
        if "=" in line and not line.startswith(("#", ";", "[")):
            name, value = line.rstrip("\n").split("=", 1)
            settings[name] = value
    return settings


def specifiers(text, runtime):
    return text.replace("%%", "\0").replace("%t", runtime).replace("\0", "%")


def words(line, runtime, variables):
    """systemd.syntax(7), as far as it goes here: words, double quotes, backslashes; then specifiers and `$$`."""
    found = []
    for match in re.finditer(r'"((?:[^"\\]|\\.)*)"|(\S+)', line):
        quoted, plain = match.groups()
        word = plain if quoted is None else re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), quoted)
        word = specifiers(word, runtime)
        found.append(word.replace("$$", "$") if variables else word)
    return found


folder, runtime = sys.argv[1:]
unit, service = read_unit(f"{folder}/pipd.socket"), read_unit(f"{folder}/pipd.service")
path = specifiers(unit["ListenStream"], runtime)


def say(text):
    print(text, flush=True)


def bind():
    os.makedirs(os.path.dirname(path), mode=int(unit["DirectoryMode"], 8), exist_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~int(unit["SocketMode"], 8))
    try:
        listener.bind(path)
    except OSError:
        os.unlink(path)  # systemd takes the place of whatever has the name
        listener.bind(path)
    os.umask(before)
    listener.listen(int(unit["Backlog"]))
    say("listening")
    return listener


def environment():
    # The user's systemd knows nothing of a shell; CANARY stands for what it has of its own.
    own = {name: value for name, value in os.environ.items() if name.startswith(("HOME", "PATH", "XDG_", "TMPDIR"))}
    given = dict(word.split("=", 1) for word in words(service["Environment"], runtime, False))
    return {**own, "CANARY": "of systemd", **given}


def start(listener, fault):
    def child():
        os.dup2(listener.fileno(), 3)
        os.set_inheritable(3, True)
        os.umask(int(service["UMask"], 8))
        os.environ.clear()
        os.environ.update(environment())
        os.environ["LISTEN_PID"] = str(os.getpid() + (1 if fault == "wrong pid" else 0))
        os.environ["LISTEN_FDS"] = "2" if fault == "wrong count" else "1"
        os.environ["LISTEN_FDNAMES"] = unit["FileDescriptorName"]

    # The environment is made in the child, where its pid is known.
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            child()
            os.chdir(service["WorkingDirectory"])
            null = os.open("/dev/null", os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            os.dup2(os.open(f"{runtime}/journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
            for descriptor in range(4, 64):
                try:
                    os.close(descriptor)
                except OSError:
                    pass
            argv = words(service["ExecStart"], runtime, True)
            os.execve(argv[0], argv, dict(os.environ))
        finally:
            os._exit(203)
    say(f"started {pid}")
    return pid


def main():
    listener, pid, fault, starts = bind(), None, None, []
    commands = ""
    while True:
        watched = [sys.stdin] + ([listener] if listener is not None and pid is None else [])
        ready, _, _ = select.select(watched, [], [], 0.02)
        if pid is not None:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                say(f"ended {os.waitstatus_to_exitcode(status)}")
                pid = None
        if sys.stdin in ready:
            text = os.read(0, 4096).decode()
            commands += text or "quit\n"
        while "\n" in commands:
            command, commands = commands.split("\n", 1)
            if command == "quit":
                if pid is not None:
                    os.kill(pid, signal.SIGTERM)
                    os.waitpid(pid, 0)
                if os.path.exists(path) and unit["RemoveOnStop"] == "yes":
                    os.unlink(path)
                return
            if command == "stop" and pid is not None:
                os.kill(pid, signal.SIGTERM)
            elif command == "start" and pid is None:
                pid = start(listener, fault)
            elif command.startswith("wrong"):
                fault = command
            elif command == "right":
                fault = None
        if listener in ready and pid is None:
            starts = [at for at in starts if time.monotonic() - at < int(service["StartLimitIntervalSec"])]
            starts.append(time.monotonic())
            if len(starts) > int(service["StartLimitBurst"]):
                listener.close()
                os.unlink(path)
                listener = None
                say("failed")
            else:
                pid = start(listener, fault)


main()
