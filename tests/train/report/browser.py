"""Pages in a headless browser: several at once, each in a frame of its own width."""

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
# What goes wrong is noted from the start; what the steps return is sent to the outer page.
_PROBE = """
const wrong = [];
addEventListener("error", (event) => wrong.push(event.message));
addEventListener("securitypolicyviolation", (event) => wrong.push(event.violatedDirective));
addEventListener("load", () => {
  const $ = (selector) => document.querySelector(selector);
  const $$ = (selector) => [...document.querySelectorAll(selector)];
  let found;
  try { found = (() => { %s })(); } catch (error) { wrong.push(String(error)); }
  parent.postMessage({ name: %s, found, wrong }, "*");
});
"""
_OUTER = """<!DOCTYPE html><meta charset="utf-8"><pre id="answers"></pre><script>
const answers = {}, frames = %s;
addEventListener("message", ({ data }) => {
  answers[data.name] = data;
  if (Object.keys(answers).length === Object.keys(frames).length)
    document.getElementById("answers").textContent = JSON.stringify(answers);
});
for (const [name, width] of Object.entries(frames)) {
  const frame = document.createElement("iframe");
  frame.width = width; frame.height = 900; frame.src = `${name}.html`;
  document.body.append(frame);
}
</script>"""


def visit(folder, visits):
    """Return what the steps found in each page, and check that nothing went wrong there.

    `visits` is name -> (page, width, steps): the text of a page, pixels, and JavaScript that
    returns a value; `$` and `$$` find one element and all. A frame is as its page, but for the
    script of the steps, which its policy is made to allow.
    """
    for name, (page, _, steps) in visits.items():
        probe = _PROBE % (steps, json.dumps(name))
        seal = base64.b64encode(hashlib.sha256(probe.encode()).digest()).decode()
        page, count = re.subn(
            "script-src &#x27;", f"script-src 'sha256-{seal}' &#x27;", page, count=1
        )
        assert count == 1
        (folder / f"{name}.html").write_text(
            page.replace("<title>", f"<script>{probe}</script>\n<title>", 1), "utf-8"
        )
    outer = folder / "outer.html"
    widths = {name: width for name, (_, width, _) in visits.items()}
    outer.write_text(_OUTER % json.dumps(widths), "utf-8")
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-extensions", f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr",
         "--virtual-time-budget=10000", "--dump-dom", outer.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr, done.stderr
    answers = re.search(r'<pre id="answers">(.+?)</pre>', done.stdout, re.S)
    assert answers, f"no answer from all pages: {done.stdout[:2000]}"
    found = json.loads(html.unescape(answers[1]))
    assert {name: answer["wrong"] for name, answer in found.items()} == {
        name: [] for name in visits
    }
    return {name: answer["found"] for name, answer in found.items()}
