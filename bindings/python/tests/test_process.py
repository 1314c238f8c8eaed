"""What a whole process sees: exits in the middle, forks, memory."""
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from conftest import TESTING

pytestmark = pytest.mark.skipif(not TESTING, reason="left out: the library has no fake model (feature testing)")
HERE = Path(__file__).parent


def run(code, *, cwd=None):
    """A program of its own, beside conftest.py."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]))
    program = [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(code)]
    return subprocess.run(program, capture_output=True, text=True, env=environment, timeout=120, cwd=cwd)


BEGIN = """
import asyncio, os, sys, threading
import wick
from conftest import load_fake
model = load_fake({"reply": "on and on ", "endless": True})
answer = model.session().generate("x")
next(answer)
"""

ENDS = {
    "a return": "",
    "an exit": "sys.exit(0)",
    "a global cycle": "model.cycle = answer.cycle = [model, answer]",
    "a daemon that reads": "threading.Thread(target=answer.wait, daemon=True).start()",
    "a log": "loud = load_fake({'reply': 'x', 'endless': True}, wick.Runtime(log=lambda *line: None, log_level=5));"
    " second = loud.session().generate('x'); next(second)",
    "a load": "slow = load_fake({'load_delay_us': 5000000})",
    "a coroutine": "asyncio.run(asyncio.wait_for(answer.__anext__(), 10))",
}


@pytest.mark.parametrize("end", ENDS)
def test_leaving_in_the_middle_of_an_answer_is_clean(end):
    done = run(BEGIN + ENDS[end])
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_an_exception_shows_and_nothing_else():
    done = run(BEGIN + "raise SystemExit('over')")
    assert (done.returncode, done.stderr) == (1, "over\n")


def test_ctrl_c_stops_a_wait():
    done = run(
        """
        import os, signal, threading
        from conftest import load_fake
        answer = load_fake({"reply": "x", "gated": True}).session().generate("x")
        threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            answer.wait()
        except KeyboardInterrupt:
            answer.close()
            print("stopped")
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="left out: there is no fork")
def test_a_child_of_a_fork_makes_its_own():
    done = run(
        BEGIN
        + """
child = os.fork()
if child == 0:
    try:
        model.session()
    except wick.Error as error:
        print(error.name)
    print(load_fake({"reply": "mine"}).session().generate("x").text(), flush=True)
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert next(answer).text
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "FORKED\nmine\n", "")


def test_a_log_that_raises_goes_to_the_hook():
    done = run(
        """
        import wick
        from conftest import load_fake
        def log(level, text):
            raise ValueError("from the log")
        with wick.Runtime(log=log, log_level=5) as runtime:
            print(load_fake({"reply": "fine"}, runtime).session().generate("x").text())
        """
    )
    assert done.returncode == 0 and done.stdout == "fine\n" and "from the log" in done.stderr


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="left out: there is no /proc")
def test_a_thousand_cycles_take_no_memory():
    from conftest import load_fake

    def cycle():
        with load_fake({"reply": "Hello, world"}) as model, model.session(system="Brief.") as session:
            assert session.ask("Hi", max_tokens=8).text()
            with session.fork() as fork, fork.ask("Again") as answer:
                next(answer)

    def handles():
        return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

    for _ in range(200):
        cycle()
    before, at_first = resident(), handles()
    for _ in range(1000):
        cycle()
    # A thread that is no longer needed ends soon, not at once.
    patience = time.monotonic() + 60
    while any(now > first for now, first in zip(handles(), at_first)):
        assert time.monotonic() < patience, (handles(), at_first)
        time.sleep(0.05)
    # A leak of 4 KiB a cycle would be 4 MiB.
    assert resident() - before < 3 << 20
