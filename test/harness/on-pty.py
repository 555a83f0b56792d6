"""Runs a program on a new terminal and passes bytes between it and our own pipes. Ends as the program ends."""

import fcntl, os, pty, re, resource, select, signal, struct, sys, termios

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def resize(fd, rows, cols):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


pid, terminal = pty.fork()
if pid == 0:
    resize(0, 30, 100)
    os.execvp(sys.argv[1], sys.argv[1:])

sources = [terminal, 0]
while terminal in sources:
    for fd in select.select(sources, [], [])[0]:
        try:
            data = os.read(fd, 65536)
        except OSError:
            data = b""
        if not data:
            sources.remove(fd)
        elif fd == terminal:
            os.write(1, data)
        elif size := re.search(rb"\x1e(\d+)x(\d+)\n", data):
            resize(terminal, int(size[1]), int(size[2]))
        else:
            os.write(terminal, data)

status = os.waitpid(pid, 0)[1]
if os.WIFSIGNALED(status):
    signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
    os.kill(os.getpid(), os.WTERMSIG(status))
os._exit(os.WEXITSTATUS(status))
