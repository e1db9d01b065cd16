"""Child processes of a run: each with a log of its own, watched while it starts, and stopped when the run ends."""

import os
import pwd
import signal
import socket
import subprocess
import time


class Failure(Exception):
    """A row cannot be measured, and why: told to whoever runs the benchmarks."""


class Process:
    """A server in the background, in a process group of its own."""

    def __init__(self, name, arguments, log, *, env=None, cwd=None, user=None, stop_signal=signal.SIGTERM):
        self.name = name
        self.log = log
        self.stop_signal = stop_signal
        with open(log, "ab") as output:
            self.child = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                **as_user(user),
                start_new_session=True,
            )

    @property
    def pid(self):
        return self.child.pid

    def wait_until(self, ready, seconds=30):
        """Returns once `ready()`; fails with the end of the log when the process ends or takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.child.poll() is not None:
                raise Failure(f"{self.name} has ended:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise Failure(f"{self.name} is not ready after {seconds} seconds:\n{self.tail()}")
            time.sleep(0.02)

    def tail(self):
        with open(self.log, errors="replace") as log:
            return "".join(log.readlines()[-15:])

    def stop(self):
        """Asks it to end, and after ten seconds sees to it."""
        if self.child.poll() is None:
            self.child.send_signal(self.stop_signal)
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.pid, signal.SIGKILL)  # what it left behind, such as the workers of an nginx that hung
        except ProcessLookupError:
            pass
        self.child.wait()

    def memory(self, name):
        """`VmRSS` (resident now) or `VmHWM` (the most it was), bytes."""
        with open(f"/proc/{self.pid}/status") as status:
            for line in status:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) * 1024
        raise Failure(f"{self.name} tells no {name}")

    def processor_seconds(self):
        """What it has computed so far, all threads."""
        with open(f"/proc/{self.pid}/stat") as stat:
            of_itself = stat.read().rsplit(")", 1)[1].split()
        return (int(of_itself[11]) + int(of_itself[12])) / os.sysconf("SC_CLK_TCK")

    def forget_peak(self):
        """Makes `VmHWM` begin anew at what is resident now (proc(5), clear_refs)."""
        with open(f"/proc/{self.pid}/clear_refs", "w") as clear_refs:
            clear_refs.write("5")


def as_user(name):
    """What makes a child run as another user; nothing for None."""
    return {} if name is None else {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}


def run(arguments, user=None, **options):
    """Runs a command to its end and returns its output; fails with what it said."""
    arguments = [str(argument) for argument in arguments]
    if "input" not in options:
        options["stdin"] = subprocess.DEVNULL
    done = subprocess.run(arguments, capture_output=True, **as_user(user), **options)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise Failure(f"{' '.join(arguments)[:200]}: {said or f'exit status {done.returncode}'}")
    return done.stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(address):
    """Whether something accepts connections at a port of this machine or at a socket's path."""
    family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
    with socket.socket(family) as probe:
        probe.settimeout(1)
        try:
            probe.connect(("127.0.0.1", address) if isinstance(address, int) else str(address))
        except OSError:
            return False
    return True


def user_exists(name):
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
