#!/usr/bin/env python3
"""Makes the pictures of the README, with Debian's Chromium and chromedriver; pngquant makes them smaller where it is installed.

  screenshots.py page REPORT.html PICTURE.png [--size WxH] [--dark] [--at ID] [--open]
      the page of a report once its rows are there, and says how long that took; --at scrolls to an element, --open shows
      the evidence of the first row
  screenshots.py terminal PICTURE.png TITLE < TEXT
      what a command printed, in the frame of a terminal
"""

import argparse
import base64
import contextlib
import html
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

TERMINAL = """<!DOCTYPE html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 18px; background: #dfe3e9; display: inline-block; }}
figure {{ margin: 0; border-radius: 10px; overflow: hidden; background: #14181f; }}
figcaption {{ background: #2a313c; color: #aeb8c6; font: 13px system-ui, sans-serif; padding: 8px 14px; }}
pre {{ margin: 0; padding: 14px 18px; width: 150ch; white-space: pre-wrap; color: #e4e9f0; font: 12.5px/1.42 "DejaVu Sans Mono", monospace; }}
</style><figure><figcaption>{title}</figcaption><pre>{text}</pre></figure>"""


class Browser:
    def __init__(self, driver):
        while not (port := re.search(r"successfully on port (\d+)", driver.stdout.readline())):
            pass
        url = f"http://127.0.0.1:{port[1]}/session"
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]}
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        self.url = f"{url}/{self.send('POST', url, wanted)['sessionId']}"

    def send(self, method, url, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        return json.load(urllib.request.urlopen(request, timeout=300))["value"]

    def devtools(self, command, **params):
        return self.send("POST", f"{self.url}/goog/cdp/execute", {"cmd": command, "params": params})

    def run(self, script):
        return self.send("POST", f"{self.url}/execute/sync", {"script": script, "args": []})

    def visit(self, page, width, height, dark=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", features=[scheme])
        self.send("POST", f"{self.url}/url", {"url": pathlib.Path(page).resolve().as_uri()})

    def picture(self, path, clip=None):
        params = {} if clip is None else {"clip": {"x": 0, "y": 0, **clip, "scale": 1}}
        pathlib.Path(path).write_bytes(base64.b64decode(self.devtools("Page.captureScreenshot", **params)["data"]))
        if shutil.which("pngquant"):
            subprocess.run(["pngquant", "--force", "--ext", ".png", "--skip-if-larger", path], check=False)


@contextlib.contextmanager
def browser():
    driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
    opened = Browser(driver)
    try:
        yield opened
    finally:
        opened.send("DELETE", opened.url)
        driver.terminate()


def page(args):
    width, height = map(int, args.size.split("x"))
    with browser() as chromium:
        chromium.visit(args.report, width, height, args.dark)
        while not (ready := chromium.run("return document.body.dataset.ready || null")):
            time.sleep(0.05)
        shown = chromium.run("return document.getElementById('found').textContent")
        print(f"{shown}; ready after {int(ready) / 1000:.1f} s, {pathlib.Path(args.report).stat().st_size / 1e6:.1f} MB")
        if args.open:
            chromium.run("document.querySelector('#rows td.name button').click()")
        if args.at:
            chromium.run(f"document.getElementById('{args.at}').scrollIntoView()")
        chromium.picture(args.picture)


def terminal(args):
    with tempfile.NamedTemporaryFile("w", suffix=".html") as file, browser() as chromium:
        file.write(TERMINAL.format(title=html.escape(args.title), text=html.escape(sys.stdin.read().rstrip())))
        file.flush()
        chromium.visit(file.name, 1400, 1400)
        size = chromium.run("const box = document.body.getBoundingClientRect(); return {width: Math.ceil(box.width), height: Math.ceil(box.height)}")
        chromium.picture(args.picture, size)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("page")
    command.add_argument("report")
    command.add_argument("picture")
    command.add_argument("--size", default="1280x900")
    command.add_argument("--dark", action="store_true")
    command.add_argument("--at")
    command.add_argument("--open", action="store_true")
    command.set_defaults(run=page)
    command = commands.add_parser("terminal")
    command.add_argument("picture")
    command.add_argument("title")
    command.set_defaults(run=terminal)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
