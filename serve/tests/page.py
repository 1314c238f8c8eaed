"""The chat page in headless Chromium, by its debugging protocol: two turns, a stop, and a screenshot.

python page.py CHROMIUM ADDRESS SCREENSHOT
"""
import base64
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import websocket

CHROMIUM, ADDRESS, SCREENSHOT = sys.argv[1:]
PATIENCE = 120


def until(what, holds):
    """Waits until `holds` gives something, and gives that."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            found = holds()
        except OSError:
            found = None
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not in {PATIENCE} s: {what}")


class Page:
    """One tab."""

    def __init__(self, port):
        tabs = until("Chromium answers", lambda: json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json")))
        address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
        self.socket = websocket.create_connection(address, timeout=PATIENCE, suppress_origin=True)
        self.count = 0
        self.errors = []

    def call(self, method, **parameters):
        """The result of a call; what the page throws meanwhile is kept."""
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            entry = message.get("params", {}).get("entry", {})
            if message.get("method") == "Runtime.exceptionThrown" or entry.get("level") in ("warning", "error"):
                self.errors.append(message["params"])
            if message.get("id") == self.count:
                assert "error" not in message, message
                return message["result"]

    def value(self, expression):
        """What an expression is in the page."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def say(self, text):
        """Types a text, and Enter."""
        self.value("document.getElementById('text').focus()")
        self.call("Input.insertText", text=text)
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13)

    def texts(self, kind):
        """The texts of all elements of a kind."""
        return json.loads(self.value(f"JSON.stringify([...document.querySelectorAll('#talk .{kind}')].map(e => e.textContent))"))


def test(page):
    for domain in ("Runtime", "Log", "Page"):
        page.call(f"{domain}.enable")
    page.call("Emulation.setDeviceMetricsOverride", width=900, height=600, deviceScaleFactor=1, mobile=False)
    page.call("Page.navigate", url=ADDRESS)
    until("the model's name is shown", lambda: page.value("document.getElementById('model').textContent") == "small")
    for turn, said in enumerate(["Good evening!", "<b>Is there</b> a room?"], 1):
        page.say(said)
        figures = until("an answer is over", lambda: len(page.texts("figures")) == turn and page.texts("figures"))
        assert page.texts("user")[-1] == said, page.texts("user")
        assert page.texts("assistant") == ["Hello, traveller. Come in!"] * turn, page.texts("assistant")
        assert "first token after" in figures[-1] and "tokens/s" in figures[-1], figures
    assert page.value("document.querySelectorAll('#talk b').length") == 0, "a text became markup"
    page.say("And?")
    until("an answer has begun", lambda: len(page.texts("assistant")) == 3)
    page.value("document.getElementById('go').click()")
    until("it is stopped", lambda: page.texts("figures")[-1] == "stopped")
    assert page.texts("assistant")[-1] != "Hello, traveller. Come in!"
    picture = page.call("Page.captureScreenshot", format="png")["data"]
    Path(SCREENSHOT).write_bytes(base64.b64decode(picture))
    page.value("document.getElementById('new').click()")
    assert page.texts("user") == []
    assert page.errors == [], page.errors


with tempfile.TemporaryDirectory() as folder:
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", f"--user-data-dir={folder}"]
    with subprocess.Popen([CHROMIUM, *flags, "about:blank"], stderr=subprocess.DEVNULL) as chromium:
        try:
            told = Path(folder, "DevToolsActivePort")
            test(Page(until("Chromium listens", lambda: told.exists() and told.read_text().split()[:1])[0]))
        finally:
            chromium.terminate()
            chromium.wait()
print(f"ok: the page, shown in {SCREENSHOT}")
