"""Text of configurations and sheets is text in Snakemake's report, also to a browser."""

import json
import re
import shutil
import subprocess
from html import unescape

import pytest
import yaml
from project import DEMO, copy_run, snakemake

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [pytest.mark.full, pytest.mark.skipif(BROWSER is None, reason="no browser")]

# What the configuration lets through; what it refuses is in the tests of the configuration.
NASTY = "5 < 6 & \"q\" 'z' &lt;img src=x onerror=ran()&gt; $x$ %s #1 a_c < script -->"
MAIN = f"Main {NASTY}"
RIDGE = '< /script &amp; "-ran()-" $ran()'
STUDY = f"Study {NASTY} \\u003cimg \\ `ran()` *b* |c| d_"
LEDGER = f"Ledger {NASTY} \\ `x`"
HISTOLOGY = f"Subtype {NASTY}"
ABOUT = '"];ran();["\n\n.. include:: /etc/passwd\n'
CONFIGURATION = {
    "experiments": {"densenet-small": {"title": MAIN}, "demo-ridge": {"title": RIDGE}},
    "cohorts": {
        "demo": {
            "report": {
                "studies": {"windows": {"title": STUDY}},
                "claims": {"paper": {"title": LEDGER, "about": ABOUT}},
            }
        }
    },
}
FIRST = "<head><script>window.hit = 0; function ran() { window.hit = 1; }</script>"
# Goes through all results as a reader does, and writes down what is shown.
WALK = """<script>
const wait = () => new Promise(done => setTimeout(done, 20));
const seen = [], links = [];
async function look(view) {
  app.setView(view);
  await wait();
  seen.push(document.querySelector("#app").textContent);
  links.push(...Array.from(document.querySelectorAll("#app a"), each => each.href));
}
(async () => {
  await wait();
  for (const [category, parts] of Object.entries(categories))
    for (const [subcategory, paths] of Object.entries(parts)) {
      await look({ navbarMode: "subcategory", category, subcategory });
      for (const resultPath of paths) await look({ navbarMode: "resultinfo", resultPath });
    }
  const active = links.filter(each => /^javascript:.*ran/.test(each));
  const found = { hit: window.hit, seen, active };
  document.documentElement.replaceChildren(Object.assign(document.createElement("pre"),
    { id: "found", textContent: JSON.stringify(found) }));
})();
</script></html>"""


def test_no_script_runs_and_text_is_shown_as_text(demo, tmp_path):
    project = copy_run(demo, tmp_path / "demo")
    (project / "hostile.yaml").write_text(yaml.safe_dump(CONFIGURATION))
    sheet = project / "config/slides/demo.tsv"
    first, second, *_ = sorted({line.split("\t")[7] for line in sheet.read_text().splitlines()[1:]})
    sheet.write_text(sheet.read_text().replace(first, HISTOLOGY))
    command = [*DEMO, "hostile.yaml", "--report", "report.html", "--", "supplement"]
    snakemake(project, *command)
    html = project / "report.html"
    text = html.read_text("utf-8").replace("<head>", FIRST, 1)
    html.write_text(text[: text.rindex("</html>")] + WALK, encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--virtual-time-budget=100000", f"--user-data-dir={tmp_path / 'browser'}"]
    done = subprocess.run([*command, html.as_uri()], capture_output=True, text=True, timeout=900)
    found = json.loads(unescape(re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S)[1]))
    assert found["hit"] == 0
    assert found["active"] == []
    seen = " ".join("\n".join(found["seen"]).split())
    for shown in (MAIN, RIDGE, STUDY, LEDGER):
        assert shown in seen
    # In captions too.
    assert f"Predictions are those of {MAIN} for patients that were held out" in seen
    assert "root:" not in seen
