"""The page in a real browser: clicks and keys do what it says, no errors, and there is something to see."""

import base64
import json
import shutil
import subprocess

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from torch import nn

import layergen
from layergen.report import page
from tests.layergen.report.pages import html

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here: apt install chromium")

OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=3000"]
SCRIPT = """<script>
const heard = [];
addEventListener("error", (event) => heard.push(event.message));
addEventListener("securitypolicyviolation", (event) => heard.push(event.violatedDirective + " " + event.blockedURI));
console.error = (...words) => heard.push(words.join(" "));
</script>"""
ANSWER = """<script>
const $ = (selector) => document.querySelector(selector);
const texts = (selector) => Array.from(document.querySelectorAll(selector), (one) => one.textContent);
const block = (label) => $(`.block[aria-label^="${label}"]`);
const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const said = (() => { %s })();
document.body.innerHTML = "";
const answer = document.createElement("pre");
answer.id = "answer";
answer.textContent = btoa(unescape(encodeURIComponent(JSON.stringify({ said, heard }))));
document.body.append(answer);
</script></body>"""


def chromium(folder, text, *options):
    """Run the browser on a page."""
    path = folder / "page.html"
    path.write_text(text, encoding="utf-8")
    command = [BROWSER, *OPTIONS, f"--user-data-dir={folder / 'profile'}", *options, path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=folder).stdout


def asked(folder, text, script):
    """What a script returns that runs when the page is there; nothing may have been complained of."""
    text = text.replace("<head>", "<head>" + SCRIPT).replace("</body>", ANSWER % script)
    out = chromium(folder, text, "--dump-dom")
    answer = json.loads(base64.b64decode(out.partition('id="answer">')[2].partition("<")[0]))
    assert answer["heard"] == []
    return answer["said"]


def test_a_click_opens_a_block(tmp_path):
    script = """
        block("0.bias from 2.weight").click();
        return [$("#block-heading").textContent, texts("#block-body .diagrams code"), texts("#block-code code")[0],
                block("0.bias from 2.weight").getAttribute("aria-expanded"), $("#block-code").hidden,
                getComputedStyle($("#block-body b")).color === getComputedStyle($(".index")).color,
                getComputedStyle($("#block-body b")).color === getComputedStyle($("#tensors .i0")).color,
                texts("#forward .on").join("")];
    """
    heading, diagrams, code, expanded, hidden, _, colour, marked = asked(tmp_path, html("mlp"), script)
    assert heading == "0.bias from 2.weight: 2 maps"
    assert diagrams == ["0.bias[h1] ← 2.weight[h2 h1]", "0.bias[h1] ← 2.weight[h2 h1']"]
    assert (expanded, hidden, colour) == ("true", False, True)
    assert 'weight_2 = x["2.weight"]' in code
    assert '"0.bias": to_bias_0_h1,' in code
    assert code == marked


def test_the_lines_of_one_diagram(tmp_path):
    script = """
        block("0.bias from 2.weight").click();
        const whole = texts("#block-code code")[0];
        const [first, second] = document.querySelectorAll(".lines");
        first.click(); const one = [texts("#block-code code")[0], first.getAttribute("aria-pressed")];
        second.click(); const other = [texts("#block-code code")[0], first.getAttribute("aria-pressed")];
        second.click();
        return [one, other, texts("#block-code code")[0] === whole];
    """
    (first, pressed), (second, released), again = asked(tmp_path, html("mlp"), script)
    assert (pressed, released, again) == ("true", "false", True)
    assert "self.mix_h1" in first
    assert "self.mix.t()" not in first
    assert "linear(pools, self.mix.t(), self.bias)" in second
    assert "self.mix_h1" not in second


def test_biases_have_a_block_too(tmp_path):
    script = """block("2.bias from bias").click();
        return [$("#block-heading").textContent, texts("#block-body .diagrams code"), texts("#block-code code")[0]];"""
    heading, diagrams, code = asked(tmp_path, html("mlp"), script)
    assert (heading, diagrams) == ("2.bias from bias: 1 map", ["2.bias[h2] ← 1[]"])
    assert code.strip().startswith("mixed = nn.functional.linear(pools, self.mix.t(), self.bias)")


def test_keys_move_in_the_grid_and_come_back(tmp_path):
    script = """
        const label = () => document.activeElement.getAttribute("aria-label").split(":")[0];
        const found = [];
        document.querySelector(".block").focus();
        for (const key of ["ArrowRight", "ArrowDown", "ArrowDown", "End", "ArrowRight", "Home", "ArrowUp"]) {
          press(key); found.push(label());
        }
        document.activeElement.click();
        found.push(document.activeElement.id);
        press("Escape"); found.push(label());
        return [found, document.querySelectorAll('.block[tabindex="0"]').length];
    """
    found, stops = asked(tmp_path, html("mlp"), script)
    assert found == [
        "0.weight from 0.bias",
        "0.bias from 0.bias",
        "2.weight from 0.bias",
        "2.weight from bias",
        "2.weight from bias",  # there is nothing to the right
        "2.weight from 0.weight",
        "0.bias from 0.weight",
        "block-heading",
        "0.bias from 0.weight",
    ]
    assert stops == 1


def test_keys_jump_over_blocks_that_are_left_out(tmp_path):
    script = """block("0.weight from 2.weight").focus(); press("ArrowRight");
        return document.activeElement.getAttribute("aria-label");"""
    assert asked(tmp_path, html("local"), script) == "0.weight from bias: 2"


def test_an_index_is_seen_alone(tmp_path):
    script = """
        const [h1, h2] = document.querySelectorAll(".index");
        const words = Array.from(document.querySelectorAll("#tensors b"));
        const faint = () => words.map((word) => getComputedStyle(word).opacity);
        const found = [faint()]; h1.click(); found.push(faint(), h1.getAttribute("aria-pressed"));
        h1.click(); found.push(faint());
        return found;
    """
    before, alone, pressed, after = asked(tmp_path, html("mlp"), script)
    assert set(before) == set(after) == {"1"}
    assert alone == ["1", "1", "0.25", "1", "0.25", "0.25"]  # h1 x, h1, h2 h1, h2, y h2
    assert pressed == "true"


@pytest.mark.parametrize("name", ["nested", "invariant", "local", "lstm", "sine", "attention", "another space"])
def test_every_block_of_every_sort_opens(tmp_path, name):
    script = """
        const found = [];
        for (const one of document.querySelectorAll(".block")) {
          one.click();
          const empty = one.textContent !== "0" && !texts("#block-code code")[0].trim();
          if (empty || texts("#block-body code").some((text) => text.includes("undefined"))) found.push(one.ariaLabel);
        }
        return found;
    """
    assert asked(tmp_path, html(name), script) == []


def test_names_are_text_and_nothing_else(tmp_path):
    script = """block("a<b").click(); return $("#block-heading").textContent;"""
    assert asked(tmp_path, html("nested"), script).startswith("a<b&'\"")


def pixels(folder, text, *options):
    chromium(folder, text, "--window-size=1000,1400", f"--screenshot={folder / 'page.png'}", *options)
    return imread(folder / "page.png")[..., :3]


def test_there_is_something_to_see_in_light_and_in_dark(tmp_path):
    network = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    found = layergen.trace(network, [torch.randn(5, 2)])
    text = page(found.space, trace=found, prove=False)
    light = pixels(tmp_path, text)
    assert light.shape == (1400, 1000, 3)
    assert light.mean() > 0.85
    assert 0.001 < (np.ptp(light, axis=2) > 0.2).mean() < 0.5  # colours
    assert (light.max(2) < 0.4).mean() > 0.003  # text
    dark = pixels(tmp_path, text, "--blink-settings=preferredColorScheme=0")
    assert dark.mean() < 0.25
    assert (dark.min(2) > 0.6).mean() > 0.003


def test_it_prints(tmp_path):
    chromium(tmp_path, html("mlp"), f"--print-to-pdf={tmp_path / 'page.pdf'}")
    printed = (tmp_path / "page.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert 2 <= printed.count(b"/Type /Page\n") <= 12
