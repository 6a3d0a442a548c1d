"""A real Chromium for the tests of the page, started once for each worker."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from auditkit.report.files import write_report
from auditkit.report.json import dumps
from auditkit.results import AuditReport

ARGUMENTS = (
    "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-dev-shm-usage"
)


class Browser:
    """Chromium with what the tests ask it: pages, sizes, themes, its log and its requests."""

    def __init__(self, driver: webdriver.Chrome, folder: Path) -> None:
        self.driver = driver
        self.folder = folder
        self.downloads = folder / "downloads"
        self.pages: dict[str, Path] = {}

    def open(
        self,
        report: AuditReport,
        *,
        width: int = 1400,
        height: int = 900,
        dark: bool = False,
        scripts: bool = True,
    ) -> Path:
        """Open the report's page, written once, and forget all that was logged before."""
        path = self._page(report)
        self.command("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", media="", features=[theme])
        self.command(
            "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads)
        )
        self.driver.get("about:blank")
        self.complaints(), self.requests()
        self.driver.get(path.as_uri())
        return path

    def _page(self, report: AuditReport) -> Path:
        text = dumps(report)
        if text not in self.pages:
            self.pages[text] = write_report(report, self.folder / f"report-{len(self.pages)}")
        return self.pages[text]

    def command(self, name: str, **arguments: Any) -> Any:
        """A command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, arguments)

    def run(self, script: str, *arguments: Any) -> Any:
        """What the script returns; it may await."""
        body = f"const done = arguments[arguments.length - 1]; (async () => {{ {script} }})()"
        return self.driver.execute_async_script(f"{body}.then(done)", *arguments)

    def complaints(self) -> list[str]:
        """Everything in the console since the last time it was asked for, warnings included."""
        return [f"{one['level']} {one['message']}" for one in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses asked for since the last time, whether or not anything came back."""
        events = [
            json.loads(one["message"])["message"] for one in self.driver.get_log("performance")
        ]
        sent = [one["params"] for one in events if one["method"] == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in sent]

    def draw_all(self) -> None:
        """Scroll to each figure and wait until it is drawn."""
        self.run(
            """
            for (const plot of document.querySelectorAll(".plot")) {
              plot.scrollIntoView({ behavior: "instant" });
              for (let i = 0; i < 400 && !plot.querySelector("svg.main-svg"); i++)
                await new Promise((go) => setTimeout(go, 25));
            }
            """
        )


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    driver_path = shutil.which("chromedriver")
    if binary is None or driver_path is None:
        pytest.skip("chromium and chromedriver are not installed: apt install chromium-driver")
    folder = tmp_path_factory.mktemp("chromium")
    options = webdriver.ChromeOptions()
    for argument in ARGUMENTS.split():
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={folder / 'profile'}")
    options.binary_location = binary
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(executable_path=driver_path))
    try:
        driver.set_script_timeout(60)
        yield Browser(driver, folder)
    finally:
        driver.quit()
