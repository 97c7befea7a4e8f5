"""A browser by instructions: reads them as JSON from the standard input, writes what it saw as JSON.

Runs in an environment of its own, which has Playwright and nothing of the product.

    {"executable": "/usr/bin/chromium", "agent": "…", "steps": [["goto", "http://…"], ["wait", 1500], ["script", "…"]]}
"""

import json
import sys
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright  # type: ignore[import-not-found,unused-ignore]

# Root needs the first one; a container's small /dev/shm the second.
FLAGS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server")


class Visit:
    """One browser session: what was asked of other addresses, and what went wrong on the page."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.sent: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self.page.on("request", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        # Requests of a page that is left are told as aborted, beacons too, which arrive all the same.

    def _note(self, request: Any) -> None:
        if "/v1/events" in request.url:
            self.sent.append({"url": request.url, "method": request.method})

    def take(self, step: list[Any]) -> Any:
        """One step; what it gives."""
        match step:
            case ["goto", url]:
                self.page.goto(url, wait_until="load")
            case ["wait", milliseconds]:
                self.page.wait_for_timeout(milliseconds)
            case ["script", text]:
                return self.page.evaluate(text)
            case ["click", selector]:
                self.page.click(selector)
                self.page.wait_for_load_state("load")
            case ["fill", selector, text]:
                self.page.fill(selector, text)
            case ["cookies"]:
                return self.context.cookies()
            case _:
                raise ValueError(f"there is no step {step[0]}")
        return None


def main() -> None:
    """Take the steps; a page that stays open at the end is left first, as people leave it."""
    wanted = json.load(sys.stdin)
    with sync_playwright() as playwright:
        # By a flag: what a page sends while it is left goes by the browser's own name, whatever a context pretends.
        flags = [*FLAGS, f"--user-agent={wanted['agent']}"]
        browser = playwright.chromium.launch(executable_path=wanted["executable"], args=flags)
        visit = Visit(browser.new_context())
        given = [visit.take(step) for step in wanted["steps"]]
        visit.page.goto("about:blank")
        version = browser.version
        browser.close()
    json.dump({"given": given, "sent": visit.sent, "errors": visit.errors, "version": version}, sys.stdout)


if __name__ == "__main__":
    main()
