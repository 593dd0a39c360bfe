"""Chromium without a screen, as the tests of the page start it.

What `Page.shot` takes is kept as PNG files in the folder `screenshots/` of the repository, which
git ignores, or where $OPTIMERGE_SCREENSHOTS says.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SHOTS = Path(os.environ.get("OPTIMERGE_SCREENSHOTS") or Path(__file__).parents[2] / "screenshots")
PATIENCE = 40
"""Seconds that a page may take to show what is waited for."""
HARMLESS = ("WebGL", "willReadFrequently", "GPU stall")


def missing() -> str:
    """Say what a test in a browser lacks here; "" if nothing."""
    for command in ("chromium", "chromedriver"):
        if shutil.which(command) is None:
            return f"no {command} on this machine: the dashboard's page was not tried in a browser"
    for module in ("selenium", "plotly"):
        try:
            __import__(module)
        except ImportError:
            return f"no {module} here: the dashboard's page was not tried in a browser"
    return ""


class Page:
    """One page in a browser, in words of the tests."""

    def __init__(self, driver: Any, url: str, downloads: Path) -> None:
        self.driver, self.url, self.downloads = driver, url, downloads

    def open(self, hash: str = "", width: int = 1280, height: int = 900) -> None:
        self.size(width, height)
        self.driver.get("about:blank")
        self.driver.get(f"{self.url}#{hash}")
        self.until("return !!document.querySelector('#views button')")

    def size(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def run(self, script: str, *given: object) -> Any:
        return self.driver.execute_script(script, *given)

    def until(self, script: str, *given: object) -> Any:
        """Wait until a script returns something true, and return that."""
        from selenium.webdriver.support.ui import WebDriverWait

        what = WebDriverWait(self.driver, PATIENCE, poll_frequency=0.1)
        return what.until(lambda driver: driver.execute_script(script, *given), script)

    def text(self, selector: str) -> str:
        return str(
            self.run("return document.querySelector(arguments[0])?.textContent ?? ''", selector)
        )

    def drawn(self) -> None:
        self.until("return document.querySelectorAll('#front-plot .scatterlayer .point').length")

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def click(self, selector: str) -> None:
        """Click an element; one that was drawn anew meanwhile is looked for again."""
        from selenium.common.exceptions import StaleElementReferenceException

        for left in reversed(range(10)):
            self.until("return !!document.querySelector(arguments[0])", selector)
            try:
                element = self.find(selector)
                self.run("arguments[0].scrollIntoView({block: 'center'})", element)
                element.click()
            except StaleElementReferenceException:
                if not left:
                    raise
            else:
                return

    def at(self, name: str) -> tuple[int, int]:
        """Return where a trial lies in the window."""
        self.drawn()
        script = """
        const place = document.getElementById('front-plot'), box = place.getBoundingClientRect();
        for (const trace of place.data) {
          const at = (trace.customdata ?? []).indexOf(arguments[0]);
          if (at < 0) continue;
          const { x, y, box: { l, t } } = place.frame;
          return [box.left + l + x.at(trace.x[at]), box.top + t + y.at(trace.y[at])];
        }"""
        x, y = self.run(script, name)
        return round(x), round(y)

    def press(self, x: int, y: int, to: tuple[int, int] | None = None) -> None:
        """Click at a place of the window, or drag from there."""
        from selenium.webdriver.common.action_chains import ActionChains

        chain = ActionChains(self.driver, duration=50)
        chain.w3c_actions.pointer_action.move_to_location(x, y)
        chain.w3c_actions.pointer_action.pointer_down()
        if to is not None:
            chain.w3c_actions.pointer_action.move_to_location((x + to[0]) // 2, (y + to[1]) // 2)
            chain.w3c_actions.pointer_action.move_to_location(*to)
        chain.w3c_actions.pointer_action.pointer_up()
        chain.perform()

    def hover(self, x: int, y: int) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        chain = ActionChains(self.driver, duration=50)
        chain.w3c_actions.pointer_action.move_to_location(x - 40, y - 40)
        chain.w3c_actions.pointer_action.move_to_location(x, y)
        chain.perform()

    def scheme(self, name: str) -> None:
        """Let the system prefer light or dark colours."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def clipboard(self) -> str:
        """Return what was copied, as its owner lets this page read it."""
        kinds = ["clipboardReadWrite", "clipboardSanitizedWrite"]
        allowed = {"origin": self.url.rstrip("/"), "permissions": kinds}
        self.driver.execute_cdp_cmd("Browser.grantPermissions", allowed)
        script = "const done = arguments[0]; navigator.clipboard.readText().then(done, (e) => done(`${e}`))"
        return str(self.driver.execute_async_script(script))

    def shot(self, name: str) -> None:
        """Keep a picture of the window."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(SHOTS / f"{name}.png"))

    def away(self) -> list[str]:
        """Return every address asked for since the last time that is not the dashboard's."""
        sent = [url for url in self.requests() if url.startswith(("http", "ws", "ftp"))]
        return [url for url in sent if not url.startswith(self.url)]

    def complaints(self) -> list[str]:
        """Return what the console says, but for what a machine without a GPU makes it say."""
        log = self.driver.get_log("browser")
        return [each["message"] for each in log if not any(h in each["message"] for h in HARMLESS)]

    def requests(self) -> list[str]:
        """Return every address that the page has asked for since the last time."""
        log = [
            json.loads(each["message"])["message"] for each in self.driver.get_log("performance")
        ]
        sent = [each["params"] for each in log if each["method"] == "Network.requestWillBeSent"]
        return [each["request"]["url"] for each in sent]


@contextmanager
def page(url: str, folder: Path) -> Iterator[Page]:
    """Open a browser with a new profile and close it at the end."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(str(shutil.which("chromedriver"))))
    try:
        yield Page(driver, url, folder)
    finally:
        driver.quit()
