#!/usr/bin/env python3
"""terminal.py [--size ROWSxCOLUMNS] [--when TEXT KEYS]... -- COMMAND...

Runs a command on a pseudo terminal, prints everything that the terminal showed and ends as the
command did. Each --when waits until TEXT has been shown (after what the ones before it waited for)
and types KEYS; both may hold escapes as in \\n or \\x10. TEXT of the form @SECONDS waits that long,
for commands that show nothing. KEYS of the form !NAME send the signal NAME to the command instead.
Bounded: after 30 seconds the command is killed and the code is 124."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

LIMIT = 30


def unescaped(text):
    return text.encode().decode("unicode_escape").encode("latin-1")


def parse(arguments):
    rows, columns, script = 37, 113, []
    while arguments:
        option = arguments.pop(0)
        if option == "--size":
            rows, columns = map(int, arguments.pop(0).split("x"))
        elif option == "--when":
            script.append((unescaped(arguments.pop(0)), unescaped(arguments.pop(0))))
        elif option == "--":
            return rows, columns, script, arguments
        else:
            break
    sys.exit(__doc__)


def main():
    rows, columns, script, command = parse(sys.argv[1:])
    child, terminal = pty.fork()
    if child == 0:
        # The size must stand before the command looks: it would send two resizes otherwise.
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.execvp(command[0], command)
    end = time.monotonic() + LIMIT
    shown, seen, began = b"", 0, time.monotonic()
    while True:
        now = time.monotonic()
        if now > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            sys.stdout.buffer.write(shown + b"\n<terminal.py: time is up>\n")
            sys.exit(124)
        if script:
            text, keys = script[0]
            if text.startswith(b"@"):
                due = now - began >= float(text[1:])
            else:
                at = shown.find(text, seen)
                due = at >= 0
                seen = at + len(text) if due else seen
            if due:
                script.pop(0)
                began = now
                if keys.startswith(b"!"):
                    os.kill(child, getattr(signal, "SIG" + keys[1:].decode()))
                else:
                    os.write(terminal, keys)
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:
            # Linux says EIO when the last process has closed its side.
            data = b""
        if not data:
            break
        shown += data
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    sys.stdout.buffer.write(shown)
    sys.exit(status if status >= 0 else 128 - status)


main()
