"""A stranger's journey in headless Chromium: run where the stranger is, it prints what it saw as JSON.

``python browser.py URL FOLDER`` speaks the W3C WebDriver protocol to chromedriver itself, so that no package is needed.
Pictures of each step go to FOLDER.
"""

import base64
import json
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # W3C WebDriver, section 12.1
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=900,1000",
             "--no-proxy-server", "--disable-background-networking", "--hide-scrollbars")  # fmt: skip
# What WCAG 2.2 asks of every page and a program can measure: contrast of texts, size of targets, labels, headings,
# heads of tables, the page's width on a small screen.
CHECKS = """
const luminance = (colour) => {
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = colour.match(/[\\d.]+/g).map(v => linear(Number(v) / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const background = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (!/, 0\\)$|transparent/.test(colour)) return colour;
  }
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'rgb(18, 18, 18)' : 'rgb(255, 255, 255)';
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || element.closest('svg, style') || !element.checkVisibility()) continue;
  const [one, other] = [luminance(getComputedStyle(element).color), luminance(background(element))].sort();
  const ratio = (other + 0.05) / (one + 0.05);
  if (ratio < 4.5) found.push(`contrast ${ratio.toFixed(1)}: ${element.tagName} ${element.textContent.slice(0, 30)}`);
}
for (const target of document.querySelectorAll('button, input, textarea, select, nav a, summary')) {
  const box = target.getBoundingClientRect();
  if (target.checkVisibility() && target.type !== 'hidden' && (box.height < 24 || box.width < 24))
    found.push(`target ${box.width.toFixed(0)}x${box.height.toFixed(0)}: ${target.outerHTML.slice(0, 60)}`);
}
for (const field of document.querySelectorAll('input:not([type=hidden]), textarea, select'))
  if (!field.labels.length) found.push('no label: ' + field.outerHTML.slice(0, 60));
const levels = [...document.querySelectorAll('h1, h2, h3, h4')].map(h => Number(h.tagName[1]));
if (levels.filter(l => l === 1).length !== 1 || levels.some((l, n) => n && l > levels[n - 1] + 1))
  found.push('headings ' + levels);
for (const table of document.querySelectorAll('table')) {
  if (!table.caption) found.push('a table without a caption');
  if ([...table.querySelectorAll('th')].some(th => !th.scope)) found.push('a head of a table without a scope');
}
if (!document.documentElement.lang) found.push('no language');
if (!document.querySelector('main') || !document.querySelector('a.skip')) found.push('no way to skip to the content');
const wide = document.scrollingElement.scrollWidth;
if (wide > innerWidth) found.push(`${wide} wide, the window is ${innerWidth}`);
if (document.querySelectorAll('script').length || document.cookie) found.push('a script or a cookie');
const first = document.querySelector('nav a');
first.focus();
if (getComputedStyle(first).outlineStyle === 'none') found.push('focus cannot be seen');
first.blur();
return found;
"""


class Browser:
    """One session of one Chromium."""

    def __init__(self, folder: pathlib.Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._folder, self._url = folder, f"http://127.0.0.1:{port}"
        quiet = subprocess.DEVNULL
        self._driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=quiet, stderr=quiet)
        options = {"args": [*ARGUMENTS, f"--user-data-dir={folder}/profile"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"performance": "ALL"}}
        end = time.monotonic() + 60
        while True:
            try:
                made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
                break
            except urllib.error.HTTPError as error:
                raise SystemExit(error.read().decode()) from None
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)  # the page, or the driver, is not there yet
        self._session = f"/session/{made['sessionId']}"

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def do(self, path: str, body: Any = None) -> Any:
        """One command of the session; without a body it asks."""
        return self._ask("GET" if body is None else "POST", self._session + path, body)

    def find(self, selector: str, how: str = "css selector") -> str:
        """The path of an element's commands."""
        return f"/element/{self.do('/element', {'using': how, 'value': selector})[ELEMENT]}"

    def click(self, selector: str, how: str = "css selector") -> None:
        """Click on an element that leads to another page, and wait for that."""
        before = self.do("/url")
        self.do(f"{self.find(selector, how)}/click", {})
        end = time.monotonic() + 60
        while self.do("/url") == before and time.monotonic() < end:
            time.sleep(0.05)  # between two looks

    def write(self, selector: str, text: str) -> None:
        """Put a text into a field."""
        field = self.find(selector)
        self.do(f"{field}/clear", {})
        self.do(f"{field}/value", {"text": text})

    def text(self) -> str:
        """What can be read on the page; while one page goes and the next comes there may be none."""
        end = time.monotonic() + 60
        while True:
            try:
                return str(self.do(f"{self.find('body')}/text"))
            except urllib.error.HTTPError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)  # the page, or the driver, is not there yet

    def picture(self, name: str) -> None:
        """Keep what is seen."""
        (self._folder / f"{name}.png").write_bytes(base64.b64decode(self.do("/screenshot")))

    def wrong(self) -> list[str]:
        """What WCAG finds wrong, in both schemes of colours and on a small screen."""
        found = []
        for scheme, width in (("light", 900), ("dark", 900), ("light", 320)):
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            self.do("/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}})
            size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
            self.do("/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": size})
            told = self.do("/execute/sync", {"script": CHECKS, "args": []})
            found += [f"{scheme} {width}: {each}" for each in told]
        self.do("/goog/cdp/execute", {"cmd": "Emulation.clearDeviceMetricsOverride", "params": {}})
        self.do("/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {"features": []}})
        return found

    def requests(self) -> list[str]:
        """Every address that was asked for since the last time."""
        told = [json.loads(each["message"])["message"] for each in self.do("/se/log", {"type": "performance"})]
        urls = [each["params"]["request"]["url"] for each in told if each["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith("chrome://")]  # its own first page

    def close(self) -> None:
        """End both programs."""
        try:
            self._ask("DELETE", self._session)
        finally:
            self._driver.terminate()
            self._driver.wait(timeout=60)


def journey(browser: Browser, url: str) -> dict[str, Any]:
    """Address in, slice out, complaint filed, pause in force, status seen."""
    told: dict[str, Any] = {"wrong": {}, "text": {}}

    def seen(name: str, picture: bool = True) -> None:
        told["text"][name] = browser.text()
        told["wrong"][name] = browser.wrong()
        if picture:
            browser.picture(name)

    browser.do("/url", {"url": url})
    seen("front")
    browser.click("form[action='/to/'] button")  # the field has the reader's own address
    seen("to")
    browser.click("main h2 a")
    seen("slice")
    browser.do("/back", {})
    browser.click("Tell all those responsible at once", "link text")
    browser.write("#message", "What are you looking for? Please stop.")
    browser.click("form[action='/complain'] button")
    seen("case")
    told["case"] = str(browser.do("/url"))
    browser.do("/url", {"url": f"{url}/complain"})
    seen("complain")
    browser.click("form[action='/pause'] button")
    seen("paused")
    told["pause"] = str(browser.do("/url"))
    for name in ("slices", "destinations", "summary", "health", "paste"):
        browser.do("/url", {"url": f"{url}/{name}"})
        seen(name, picture=name == "summary")
    told["cookies"], told["requests"] = browser.do("/cookie"), browser.requests()
    return told


if __name__ == "__main__":
    visitor = Browser(pathlib.Path(sys.argv[2]))
    try:
        print(json.dumps(journey(visitor, sys.argv[1])))
    finally:
        visitor.close()
