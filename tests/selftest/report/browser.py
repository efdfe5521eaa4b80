"""A headless Chromium that a test drives with real keys, by the DevTools protocol over pipes.

To draw the picture of the README: `python -m tests.selftest.report.browser page.html report.png`.
"""

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
MOVE = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for end, to in zip(ends, (3, 4)):
    os.dup2(end, to)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Popen cannot move the pipes to where Chromium expects them; this program does, and becomes it."""

KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}
"""Virtual key codes."""


class Died(Exception):
    """A signal ended the browser."""


class Browser:
    """One page in one browser process. Chromium reads commands from its file 3, writes to 4."""

    def __init__(self, profile: Path):
        theirs_in, self._into = os.pipe()
        self._out, theirs_out = os.pipe()
        pipes = (str(theirs_in), str(theirs_out))
        command = [str(CHROMIUM), *OPTIONS, f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", MOVE, *pipes, *command],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._count, self._rest, self._session = 0, b"", {}
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        attached = self._send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}

    def open(self, address: str, width: int, height: int = 850, **media: str) -> None:
        """Load a page; media: emulated features, with "_" in place of "-"."""
        features = [{"name": k.replace("_", "-"), "value": v} for k, v in media.items()]
        self._send("Emulation.setEmulatedMedia", features=features)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._send("Emulation.setDeviceMetricsOverride", **size)
        self._send("Page.navigate", url="about:blank")  # or a new fragment would load nothing
        self._send("Page.navigate", url=address)
        loaded = f"location.href === {json.dumps(address)} && document.readyState === 'complete'"
        while not self(loaded):
            time.sleep(0.05)

    def __call__(self, script: str):
        """Return the value of a JavaScript expression, or of the promise that it gives."""
        answer = self._send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def press(self, key: str, shift: bool = False) -> None:
        """Press and release a key, and wait until the page has drawn what follows."""
        known = {"key": key, "windowsVirtualKeyCode": KEYS[key], "modifiers": 8 * shift}
        text = {"text": "\r"} if key == "Enter" else {}
        self._send("Input.dispatchKeyEvent", type="keyDown", **known, **text)
        self._send("Input.dispatchKeyEvent", type="keyUp", **known)
        self("new Promise(done => setTimeout(done, 50))")

    def type(self, text: str) -> None:
        """Insert text where the focus is."""
        self._send("Input.insertText", text=text)

    def picture(self) -> bytes:
        """Return the window as PNG."""
        return base64.b64decode(self._send("Page.captureScreenshot")["data"])

    def close(self) -> None:
        os.close(self._into)
        self._process.kill()
        self._process.wait()
        os.close(self._out)

    def _send(self, method: str, **parameters) -> dict:
        self._count += 1
        command = {"id": self._count, "method": method, "params": parameters, **self._session}
        try:
            os.write(self._into, json.dumps(command).encode() + b"\0")
        except BrokenPipeError:
            self._ended()
        while True:
            answer = self._message()
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise AssertionError(answer["error"])
                return answer["result"]

    def _message(self) -> dict:
        while b"\0" not in self._rest:
            more = os.read(self._out, 1 << 16)
            if not more:
                self._ended()
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _ended(self):
        code = self._process.wait(timeout=60)
        if code < 0:
            raise Died
        raise AssertionError(f"{CHROMIUM} ended with exit code {code}")


def draw(page: Path, picture: Path, width: int = 1280, height: int = 1500) -> None:
    """Write the top of a page as PNG, in 128 colours to keep the file small."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(Path(profile))
        try:
            browser.open(page.resolve().as_uri(), width, height)
            image = Image.open(io.BytesIO(browser.picture())).convert("RGB")
        finally:
            browser.close()
    image.quantize(128, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
