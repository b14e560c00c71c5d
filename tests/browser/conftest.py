"""One browser for all tests in it."""

import pytest
from browser_helpers import chromium, new_page
from playwright.sync_api import sync_playwright


@pytest.fixture(scope="session")
def browser():
    path = chromium()
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser):
    page = new_page(browser)
    yield page
    page.close()
