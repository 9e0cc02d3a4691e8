"""The pages in a browser: what they show when pointed at, clicked and read by keys."""

import pytest
from tests.train.report import browser, samples

from rushlight.train.report import as_comparison_page, as_page, compare_runs, load_run

pytestmark = pytest.mark.skipif(browser.CHROMIUM is None, reason="there is no Chromium")

FITS = """
  $$("details").forEach((part) => { part.open = true; });
  return {
    page: document.documentElement.scrollWidth <= innerWidth,
    width: innerWidth,
    beside: $$("main *").filter((part) => !part.closest(".wide, .drawing, .unseen, svg, .marks") &&
      part.getClientRects().length && part.getBoundingClientRect().right > innerWidth + 0.5).length,
    small: $$("main *").filter((part) => part.childElementCount === 0 && part.textContent.trim() &&
      !part.closest("svg") && parseFloat(getComputedStyle(part).fontSize) < 11).length,
  };
"""
READS = """
  const loss = $(".chart"), plot = loss.querySelector(".plot"), box = plot.getBoundingClientRect();
  const state = () => ({
    when: loss.querySelector(".when").textContent,
    values: [...loss.querySelectorAll("output")].map((output) => output.textContent),
    cross: !loss.querySelector(".cross").hidden,
    dots: [...loss.querySelectorAll(".dot")].map((dot) => dot.hidden ? null : dot.style.top),
    others: $$(".when").every((one) => one.textContent === $(".when").textContent),
    said: plot.getAttribute("aria-valuetext"),
  });
  const point = (type, share, pointerType = "mouse") => plot.dispatchEvent(new PointerEvent(type,
    { clientX: box.left + share * box.width, clientY: box.top + 9, pointerType, bubbles: true }));
  const press = (key) => {
    plot.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    return state();
  };
  const found = { rest: state() };
  point("pointermove", 0); found.first = state();
  point("pointermove", 0.505); found.middle = state();
  point("pointerleave", 1); found.left = state();
  point("pointerdown", 1, "touch"); point("pointerleave", 1, "touch"); found.touched = state();
  plot.focus();
  found.escaped = press("Escape");
  found.begun = press("ArrowRight"); found.next = press("ArrowRight");
  found.home = press("Home"); found.before = press("ArrowLeft"); found.end = press("End");
  plot.blur(); found.blurred = state();
  found.focusable = [plot.tabIndex, plot.getAttribute("role"), plot.getAttribute("aria-label")];
  return found;
"""
CLICKS = """
  const found = {}, loss = $(".chart");
  const shown = (selector) => [...loss.querySelectorAll(selector)].map((part) =>
    getComputedStyle(part).display !== "none");
  found.scales = [shown("svg")];
  loss.querySelector(".scale").click();
  found.scales.push(shown("svg"), shown(".values"), loss.querySelector(".scale").ariaPressed);
  loss.querySelector(".key").click();
  found.hidden = [shown("svg:not([hidden]) .line"), loss.querySelector(".key").ariaPressed];
  found.elsewhere = $$(".chart:nth-of-type(2) .line").map((line) => line.hasAttribute("hidden"));
  loss.querySelector(".key").click();
  found.back = shown("svg:not([hidden]) .line");

  $(".all").open = true;
  const rows = () => $$(".sortable tbody th").map((cell) => parseInt(cell.textContent));
  const head = $$(".sortable thead button").find((button) => button.textContent === "train loss");
  found.rows = [rows()];
  head.click(); found.rows.push(rows());
  found.sorted = head.parentElement.ariaSort;
  head.click(); found.rows.push(rows());

  const ground = () => getComputedStyle(document.body).backgroundColor;
  found.theme = [[$(".theme").textContent, ground()]];
  $(".theme").click(); found.theme.push([$(".theme").textContent, ground()]);
  $(".theme").click(); found.theme.push([$(".theme").textContent, ground()]);

  $(".open").click();
  const large = $("#large");
  found.large = [large.matches(":modal"), large.querySelector("img").naturalWidth,
    large.querySelector("p").textContent];
  large.querySelector(".close").click();
  found.closed = !large.open;
  found.pictures = $$(".picture img").map((image) => image.naturalWidth);
  found.curve = $("svg:not([hidden]) .line path").getBoundingClientRect().width > 100;
  return found;
"""
SEVERAL = """
  const key = $(".key");
  key.click();
  return {
    pressed: $$(`.key[data-name="${key.dataset.name}"]`).map((one) => one.ariaPressed),
    hidden: $$(".line[hidden]").length,
    of: $$(".line").length,
    names: $$(".chart:first-child .key bdi").map((name) => name.textContent),
    fits: document.documentElement.scrollWidth <= innerWidth,
  };
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What the browser found, all pages in one go."""
    folder = tmp_path_factory.mktemp("pages")
    run = samples.write_run(
        folder / "run", net=samples.model(), history={"switches": samples.SWITCHES}
    )
    other = samples.write_run(folder / "other", count=30, options={"lr": 0.05})
    nasty = samples.write_nasty(folder / "nasty")
    (folder / "nothing").mkdir()
    page, hostile = as_page(load_run(run)), as_page(load_run(nasty))
    long = as_page(load_run(samples.write_run(folder / "long", count=2000)))
    several = as_comparison_page(compare_runs([run, other, nasty]))
    empty = as_page(load_run(folder / "nothing"))
    visits = {
        "reads": (page, 1280, READS),
        "clicks": (page, 1280, CLICKS),
        "wide": (page, 1280, FITS),
        "narrow": (page, 390, FITS),
        "hostile": (hostile, 390, FITS),
        "hostile-wide": (hostile, 1280, FITS),
        "long": (long, 390, FITS),
        "several": (several, 1280, SEVERAL),
        "several-narrow": (several, 390, FITS),
        "empty": (empty, 390, FITS),
    }
    return browser.visit(folder, visits)


@pytest.mark.parametrize(
    "name", ["wide", "narrow", "hostile", "hostile-wide", "long", "several-narrow", "empty"]
)
def test_nothing_stands_out_of_the_page_and_nothing_is_too_small(seen, name):
    width = 1280 if name.endswith("wide") else 390
    assert seen[name] == {"page": True, "width": width, "beside": 0, "small": 0}


def test_pointing_reads_an_epoch_in_all_charts(seen):
    found, rows = seen["reads"], samples.records(12)
    rest = [f"{rows[9]['train_loss']:.4f}", f"{rows[9]['val_loss']:.4f}"]
    assert found["rest"] == {
        "when": "best epoch 10", "values": rest, "cross": False, "dots": [None, None],
        "others": True, "said": None,
    }  # fmt: skip
    first = [f"{rows[0]['train_loss']:.4f}", f"{rows[0]['val_loss']:.4f}"]
    assert (found["first"]["when"], found["first"]["values"]) == ("epoch 1", first)
    assert found["first"]["cross"]
    assert found["first"]["others"]
    assert None not in found["first"]["dots"]
    assert found["first"]["said"] == f"epoch 1: training {first[0]}, validation {first[1]}"
    assert found["middle"]["when"] == "epoch 7"
    assert {**found["left"], "said": None} == found["rest"]
    assert found["touched"]["when"] == "epoch 12"  # a finger that is lifted leaves the reading


def test_keys_read_epochs(seen):
    found = seen["reads"]
    read = [found[name]["when"] for name in ("escaped", "begun", "next", "home", "before", "end")]
    assert read == ["best epoch 10", "epoch 10", "epoch 11", "epoch 1", "epoch 1", "epoch 12"]
    assert found["blurred"]["when"] == "best epoch 10"
    assert found["focusable"] == [0, "slider", "loss, epoch"]


def test_the_scale_and_the_lines_can_be_switched(seen):
    found = seen["clicks"]
    assert found["scales"] == [[True, False], [False, True], [False, True], "true"]
    assert found["hidden"] == [[False, True], "false"]
    assert not any(found["elsewhere"])
    assert found["back"] == [True, True]
    assert found["curve"]


def test_the_table_of_epochs_is_sorted(seen):
    first, up, down = seen["clicks"]["rows"]
    rows = samples.records(12)
    right = sorted(range(1, 13), key=lambda epoch: rows[epoch - 1]["train_loss"])
    assert (first, up, down) == ([*range(1, 13)], right, right[::-1])
    assert seen["clicks"]["sorted"] == "ascending"


def test_light_and_dark(seen):
    light, dark = "rgb(255, 255, 255)", "rgb(21, 24, 28)"
    assert seen["clicks"]["theme"] == [["dark", light], ["light", dark], ["dark", light]]


def test_a_picture_is_shown_large(seen):
    large, width, caption = seen["clicks"]["large"]
    assert large
    assert width == 60
    assert caption.startswith("Worst mistakes 1")
    assert seen["clicks"]["closed"]
    assert seen["clicks"]["pictures"] == [60, 120]


def test_a_run_is_hidden_in_all_charts(seen):
    found = seen["several"]
    assert found["names"] == ["run", "other", "nasty"]
    assert set(found["pressed"]) == {"false"}
    assert len(found["pressed"]) == 5  # loss and accuracy of both parts, and the rate
    assert 0 < found["hidden"] < found["of"]
    assert found["fits"]
