"""The site in a browser: pages load, nothing is broken, everybody can read it, and it asks nobody for anything."""

import urllib.parse
from types import SimpleNamespace

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser_helpers import new_page, picture
from conftest import ROOT
from helpers import complains, served
from playwright.sync_api import expect

from course_utils.authoring import execution, running
from course_utils.authoring import site as book
from course_utils.errors import NotSetUp

REPOSITORY = "https://github.com/example/course"
HUB = "https://hub.example.org"
GRAVE = ("serious", "critical")


def stored():
    return {path.name: execution.read_notebook(path) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site with all that its first page can hold: that of a run, and of a class that was graded."""
    folder, notebooks = tmp_path_factory.mktemp("book"), stored()
    (folder / "grades.csv").write_text("ann,1", "utf-8")
    graded = SimpleNamespace(csv=folder / "grades.csv", feedback=[], summary="ps1: 1 student.")
    pages = [running.Page(ROOT / name, name, notebook) for name, notebook in notebooks.items()]
    pages[-1].problem = "The notebook 09_model_zoo_and_your_project.ipynb lost its kernel (Kernel died): free memory."
    told = running.report(pages, "embedded", running.Demonstration(graded), folder)
    first = book.build_site(ROOT, folder, notebooks, told, REPOSITORY, strict=True, hub=f"{HUB}/")
    with served(first.parent) as url:
        yield first.parent, url


@pytest.fixture(scope="module")
def pages(site):
    folder, _ = site
    found = [file.relative_to(folder).as_posix() for file in sorted(folder.rglob("*.html"))]
    notebooks = [f"notebooks/{path.stem}.html" for path in (ROOT / "notebooks").glob("*.ipynb")]
    assert {"index.html", "reference.html", "grading.html", "search.html", *notebooks} <= set(found)
    return [page for page in found if not page.startswith(("_static", "_modules"))]


def test_every_page_loads_and_no_link_or_picture_is_broken(browser, site, pages):
    folder, url = site
    page, problems = new_page(browser), []
    page.on("requestfailed", lambda request: problems.append(f"failed: {request.url}"))
    page.on("response", lambda got: problems.append(f"{got.status}: {got.url}") if got.status >= 400 else None)
    page.on("request", lambda asked: asked.url.startswith((url, "data:")) or problems.append(f"asked: {asked.url}"))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    for path in pages:
        page.goto(url + path)
        links = page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)")
        for link in {link for link in links if link.startswith(url)}:
            place, _, anchor = link.removeprefix(url).partition("#")
            target = folder / urllib.parse.unquote(place.partition("?")[0] or "index.html")
            if not target.is_file():
                problems.append(f"{path}: no {place}")
            elif anchor and target.suffix == ".html":
                ids = (f'id="{urllib.parse.unquote(anchor)}"', f'name="{urllib.parse.unquote(anchor)}"')
                text = target.read_text("utf-8")
                if not any(name in text for name in ids):
                    problems.append(f"{path}: nothing is called {anchor} in {place}")
        page.evaluate("document.querySelectorAll('img').forEach(img => { img.loading = 'eager'; })")
        page.wait_for_function("[...document.images].every(picture => picture.complete)")
        empty = page.eval_on_selector_all("img", "all => all.filter(i => !i.naturalWidth).map(i => i.src)")
        problems += [f"{path}: picture {source[:80]}" for source in empty]
    page.close()
    assert not problems, problems[:20]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_of_accessibility(browser, site, pages, scheme):
    _, url = site
    page, faults = new_page(browser), {}
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    for path in pages:
        page.goto(url + path)
        for found in Axe().run(page).response["violations"]:
            if found["impact"] in GRAVE:
                nodes = [node["html"][:120] for node in found["nodes"]]
                faults.setdefault(found["id"], []).append((path, len(nodes), nodes[0]))
        if path in ("index.html", "notebooks/07_when_transfer_fails.html"):
            picture(page, f"book_{path.rpartition('/')[2].partition('.')[0]}_{scheme}")
    page.close()
    assert not faults, faults


def test_every_page_has_launch_links(page, site, pages):
    _, url = site
    starts = "https://mybinder.org/v2/gh/example/course/main", "https://colab.research.google.com/github/example/course"
    starts += (f"{HUB}/hub/user-redirect/git-pull?repo={REPOSITORY}&urlpath=lab/tree/course/",)
    for path in pages:
        page.goto(url + path)
        links = page.eval_on_selector_all("a[href]", "all => all.map(a => decodeURIComponent(a.href))")
        first = "notebooks/00_start_here.ipynb"
        for file in {first, path.replace(".html", ".ipynb") if path.startswith("notebooks/") else first}:
            for start in starts:
                assert [link for link in links if link.startswith(start) and file in link], (path, file)
    page.goto(f"{url}index.html")
    picture(page, "book_index_launch")
    page.goto(f"{url}notebooks/04_choosing_the_cut.html")
    page.get_by_label("Launch interactive content").click()
    expect(page.get_by_role("link", name="Colab logo")).to_be_visible()
    picture(page, "book_launch")


def test_search_finds_a_word(page, site):
    _, url = site
    page.goto(f"{url}search.html?q=discriminative")
    expect(page.locator("#search-results")).to_contain_text("Fine-tuning")
    picture(page, "book_search")


def test_readable_on_a_phone(browser, site, pages):
    _, url = site
    page = new_page(browser)
    page.set_viewport_size({"width": 390, "height": 844})
    wide = {}
    for path in pages:
        page.goto(url + path)
        if (width := page.evaluate("document.documentElement.scrollWidth")) > 390:
            wide[path] = width
    page.goto(f"{url}notebooks/01_little_data.html")
    picture(page, "book_phone")
    page.close()
    assert not wide, wide


def test_a_copy_without_its_texts_is_told(tmp_path):
    with complains(NotSetUp, "docs/book", "repository"):
        book.build_site(tmp_path, tmp_path / "book", {})


def test_without_a_public_address_there_are_no_launch_links(tmp_path):
    first = book.build_site(ROOT, tmp_path / "book", stored(), strict=True)
    text = (first.parent / "notebooks" / "04_choosing_the_cut.html").read_text("utf-8")
    assert "mybinder" not in text and "colab.research" not in text
    assert "Begin in" not in first.read_text("utf-8")
