#!/usr/bin/env python3
"""Drives the page at / in a real browser: check_page.py PROGRAM [SCREENSHOTS]. Needs Debian's chromium and chromium-driver, selenium
and, for what screen readers need, axe-playwright-python.

Checks choosing, dropping and pasting pictures, a broken one, several, labels and maps, two models, an overload, a server that asks for keys, a
phone's width, dark mode, the keyboard, that the clipboard may be refused, and that nothing is asked of another host, moves when an answer
comes, or is told on the browser's console.
"""
import base64, contextlib, importlib.util, json, os, shutil, subprocess, sys, tempfile, threading, time, urllib.request
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COFFEE = f"{ROOT}/models/seresnet34-tiny-imagenet/self-test.jpg"
CAT = f"{ROOT}/Tests/ImagingTests/Fixtures/cat.jpg"

# Gives the page files as a drag from a file manager or the clipboard does.
GIVE = """
const [kind, name, content] = arguments;
const bytes = Uint8Array.from(atob(content), character => character.charCodeAt(0));
const data = new DataTransfer();
data.items.add(new File([bytes], name, {type: "image/jpeg"}));
const event = kind === "paste" ? new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true})
  : new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true});
window.given = performance.now();
document.body.dispatchEvent(event);
"""

# Takes a picture with the browser's camera, a fake one that shows a test pattern, and gives it to the page as a phone's camera does.
PHOTOGRAPH = """
const video = document.createElement("video");
const stream = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 480}});
video.srcObject = stream;
await video.play();
const canvas = Object.assign(document.createElement("canvas"), {width: video.videoWidth, height: video.videoHeight});
canvas.getContext("2d").drawImage(video, 0, 0);
stream.getTracks().forEach(track => track.stop());
const blob = await new Promise(resolve => canvas.toBlob(resolve, "image/jpeg"));
const data = new DataTransfer();
data.items.add(new File([blob], "photo.jpg", {type: "image/jpeg"}));
const input = document.querySelector("#camera");
input.files = data.files;
window.given = performance.now();
input.dispatchEvent(new Event("change", {bubbles: true}));
done([canvas.width, canvas.height]);
"""

# Counts what moves without having been asked to, from the page's start. What the two scripts above give is to the browser nobody's act: here it
# is one, for the half second that a browser takes an act to be the cause.
WATCH = """
window.shifts = 0;
window.given = -1000;
const isAsked = entry => entry.hadRecentInput || entry.startTime - window.given < 500;
new PerformanceObserver(list => { for (const entry of list.getEntries()) if (!isAsked(entry)) window.shifts += entry.value; })
  .observe({type: "layout-shift", buffered: true});
"""


def serve(program, *options):
    """A server on a free port: the process and its address."""
    process = subprocess.Popen(
        [program, "serve", "--port", "0", "--log-format", "json", *options], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    for line in process.stderr:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if "port" in entry:
            break
    else:
        sys.exit("the server did not start")
    threading.Thread(target=lambda: [None for _ in process.stderr], daemon=True).start()
    address = f"http://127.0.0.1:{entry['port']}"
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{address}/readyz")
            return process, address
        except OSError:
            time.sleep(0.1)
    sys.exit("the server did not become ready")


class Page:
    def __init__(self, address, shots, width=1280, height=1000, dark=False, key=None, touch=False):
        options = webdriver.ChromeOptions()
        for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                         "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        # Named, so that selenium looks for none elsewhere.
        options.binary_location = shutil.which("chromium")
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self.shots, self.address = shots, address
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", dict(width=width, height=height, deviceScaleFactor=1, mobile=width < 500))
        if touch: self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", dict(enabled=True, maxTouchPoints=5))
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        self.driver.get(address + "/")
        if key:
            self.wait(lambda: self.find("#key input")[0].is_displayed())
            self.find("#key input")[0].send_keys(key, Keys.ENTER)
        self.wait(lambda: "sees" in self.text("#serving"))

    def find(self, selector): return self.driver.find_elements(By.CSS_SELECTOR, selector)
    def text(self, selector): return self.find(selector)[0].text
    def wait(self, condition, seconds=20): WebDriverWait(self.driver, seconds, 0.05).until(lambda _: condition())
    def choose(self, *files): self.find("#files")[0].send_keys("\n".join(files))

    def give(self, kind, name, content):
        self.driver.execute_script(GIVE, kind, name, base64.b64encode(content).decode())

    def answered(self, count):
        self.wait(lambda: len(self.find(".card")) == count and not self.find(".card.busy"))

    def shoot(self, name):
        if not self.shots: return
        time.sleep(0.4)
        size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", dict(
            captureBeyondViewport=True, clip=dict(x=0, y=0, width=size["width"], height=size["height"], scale=1)))
        open(f"{self.shots}/{name}.png", "wb").write(base64.b64decode(picture["data"]))

    def fits(self):
        wide = self.driver.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        outside = self.driver.execute_script(
            "return [...document.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))")
        assert wide <= 0, f"the page is {wide} pixels wider than the window: {outside[:5]}"

    def paint(self):
        """When something is first seen, in ms, once the browser itself has started: the median of five visits."""
        times = []
        for _ in range(5):
            self.driver.get("about:blank")
            time.sleep(0.2)
            self.driver.get(self.address + "/")
            self.wait(lambda: "sees" in self.text("#serving"))
            self.wait(lambda: self.driver.execute_script("return performance.getEntriesByName('first-contentful-paint').length"))
            times.append(self.driver.execute_script("return performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        return sorted(times)[2]

    def accessible(self):
        """What axe-core finds, where axe-playwright-python is installed: it brings the script."""
        specification = importlib.util.find_spec("axe_playwright_python")
        if specification is None: return print("axe-core is left out: axe-playwright-python is not installed")
        script = open(f"{specification.submodule_search_locations[0]}/axe.min.js").read()
        # The page's own policy lets nobody add a script to it: the driver does so all the same.
        self.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": script})
        found = self.driver.execute_async_script("axe.run().then(arguments[0])")["violations"]
        assert not found, "\n".join(f"{rule['id']}: {rule['help']}: {rule['nodes'][0]['html'][:200]} ({len(rule['nodes'])})" for rule in found)
        print("axe-core finds nothing")

    def end(self, statuses=()):
        """Nothing moved by itself, nothing was asked of others, nothing is wrong."""
        shifts = self.driver.execute_script("return window.shifts")
        assert shifts < 0.02, f"the layout shifted by {shifts}"
        for line in self.driver.get_log("browser"):
            # The browser tells of every refusal.
            assert any(f"status of {status}" in line["message"] for status in statuses), line["message"]
        for line in self.driver.get_log("performance"):
            message = json.loads(line["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                assert url.startswith((self.address, "data:", "blob:", "chrome", "about:")), f"the page asked for {url}"
        self.driver.quit()


def check_pictures(address, shots):
    page = Page(address, shots)
    print(f"first contentful paint after {page.paint()} ms, the median of five visits")
    page.choose(COFFEE)
    page.answered(1)
    assert page.text(".labels button").startswith("espresso"), page.text(".labels")
    assert len(page.find(".labels button")) == 5 and page.find(".labels button")[0].get_attribute("aria-pressed") == "true"
    size = page.driver.execute_script("const seen = document.querySelector('.seen'); return [seen.naturalWidth, seen.naturalHeight]")
    assert size == [64, 64], size
    assert page.driver.execute_script("const map = document.querySelector('.map'); return !map.hidden && map.width > 1")
    for word in ["receive", "decode", "queue", "inference", "total"]: assert word in page.text(".times")
    assert "batch of 1" in page.text(".facts") and "shorter edge" in page.text(".facts")
    # Another label's map.
    before = page.text(".legend")
    page.find(".labels button")[1].click()
    page.wait(lambda: page.find(".labels button")[1].get_attribute("aria-pressed") == "true")
    assert page.text(".legend") != before
    # Gates, by keys.
    grid = page.find(".gates canvas")[0]
    grid.send_keys(Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    assert "channel 1 of" in page.text(".gates .at"), page.text(".gates .at")
    page.shoot("one")
    # Dropped and pasted, and one that is broken.
    page.give("drop", "cat.jpg", open(CAT, "rb").read())
    page.answered(2)
    page.give("paste", "half.jpg", open(CAT, "rb").read()[:9000])
    page.answered(3)
    assert "cut off or damaged" in page.text(".card.failed .error"), page.text(".card.failed")
    assert not page.find("#compare[hidden]") and "They part most in" in page.text("#difference-at")
    # The command is for the last picture, and works.
    assert "half.jpg" in page.text("#command")
    page.find(".card.failed .close")[0].click()
    assert "cat.jpg" in page.text("#command")
    # A comparison goes with its second picture, and keeps its place while another one fails.
    page.give("paste", "half.jpg", open(CAT, "rb").read()[:9000])
    page.answered(3)
    assert page.find("#compare")[0].is_displayed()
    page.find(".card:not(.failed) .close")[0].click()
    assert len(page.find(".card")) == 2 and not page.find("#compare")[0].is_displayed()
    page.find(".card.failed .close")[0].click()
    page.give("drop", "cat.jpg", open(CAT, "rb").read())
    page.answered(2)
    assert page.find("#compare")[0].is_displayed()
    for option in page.find("#dialect option"):
        option.click()
        answer = subprocess.run(["bash", "-c", page.text("#command")], cwd=os.path.dirname(CAT), capture_output=True, text=True)
        assert answer.returncode == 0 and json.loads(answer.stdout) and '"error"' not in answer.stdout, (option.text, answer.stdout[:300])
    page.driver.execute_script("navigator.clipboard.writeText = () => Promise.reject(new Error('refused'))")
    page.find("#copy")[0].click()
    page.wait(lambda: "Ctrl+C" in page.text("#status"))
    assert page.driver.execute_script("return getSelection().toString()").startswith("curl")
    page.choose(COFFEE, CAT, COFFEE)
    page.answered(5)
    page.wait(lambda: any(path.get_attribute("d") for path in page.find(".chart path")))
    time.sleep(4.5)
    page.fits()
    page.accessible()
    page.shoot("several")
    page.end([400])


def check_example(address, shots, name, **options):
    page = Page(address, shots, **options)
    page.shoot(f"{name}-empty")
    page.find("#example")[0].click()
    page.answered(1)
    assert page.text(".labels button").startswith("espresso"), page.text(".labels")
    page.fits()
    page.accessible()
    page.shoot(name)
    page.end()


def check_camera(address, shots):
    """A phone, which has a coarse pointer, offers its camera; what that takes is classified."""
    page = Page(address, shots, width=360, height=740, touch=True)
    camera = page.find("#camera")[0]
    assert page.find(".camera")[0].is_displayed() and camera.get_attribute("capture") == "environment"
    assert camera.get_attribute("accept") == "image/*"
    size = page.driver.execute_async_script("const done = arguments[0]; (async () => {" + PHOTOGRAPH + "})()")
    page.answered(1)
    assert len(page.find(".labels button")) == 5 and "photo.jpg" in page.text("#command")
    assert f"jpeg, {size[0]} × {size[1]}" in page.text(".facts"), page.text(".facts")
    page.fits()
    page.shoot("camera")
    page.end()


def check_overload(address):
    """A refusal in the server's own words, and another try, of a server that lets one picture wait."""
    page = Page(address, None)
    for turn in range(1, 11):
        page.choose(*12 * [CAT])
        page.answered(12 * turn)
        if page.find(".card.failed"): break
    words = page.text(".card.failed .error")
    assert "wait" in words or "in flight" in words, words
    while page.find(".card.failed"):
        again = page.find(".card.failed .error button")[0]
        page.wait(again.is_enabled)
        page.driver.execute_script("arguments[0].click()", again)
        page.wait(lambda: not page.find(".card.busy"))
    assert len(page.find(".labels")) == 12 * turn
    page.end([429])


def check_keys(address, key):
    """What asks for the key gets it, this tab alone keeps it, and a wrong one is asked for again."""
    page = Page(address, None, key=key)
    page.choose(COFFEE)
    page.answered(1)
    assert page.text(".labels button").startswith("espresso"), page.text(".labels")
    assert not page.find("#key input")[0].is_displayed()
    assert page.driver.execute_script("return [sessionStorage.length, localStorage.length, document.cookie.length]") == [1, 0, 0]
    # The command names the variable that holds the key, and works with it; the key stands nowhere.
    command = page.text("#command")
    assert command.startswith('curl -H "Authorization: Bearer $EXCITE_KEY" ') and key not in page.driver.page_source, command
    answer = subprocess.run(
        ["bash", "-c", command], cwd=os.path.dirname(COFFEE), capture_output=True, text=True, env=os.environ | {"EXCITE_KEY": key})
    assert '"espresso"' in answer.stdout, answer.stdout
    page.driver.execute_script("sessionStorage.setItem('key', 'another')")
    page.choose(CAT)
    page.answered(2)
    page.wait(lambda: page.find("#key input")[0].is_displayed())
    page.end([401])


@contextlib.contextmanager
def served(program, *options):
    process, address = serve(program, *options)
    try:
        yield address
    finally:
        process.terminate()
        process.wait()


def main(program, shots=None):
    if shots: os.makedirs(shots, exist_ok=True)
    model = f"{ROOT}/models/seresnet34-tiny-imagenet"
    with served(program) as address:
        check_pictures(address, shots)
        check_example(address, shots, "phone", width=320, height=700)
        check_camera(address, shots)
        check_example(address, shots, "dark", dark=True)
        check_example(address, shots, "large", width=3840, height=2160)
    with served(program, "--queue", "1", "--max-batch", "1", "--threads", "1") as address:
        check_overload(address)
    with served(program, "--model", model, "--model", model, "--model-name", "one", "--model-name", "two", "--no-page-metrics") as address:
        page = Page(address, shots)
        assert not page.find("#live")
        page.find("#model option")[1].click()
        page.choose(COFFEE)
        page.answered(1)
        assert page.text(".facts").startswith("two in f32") and "model=two" in page.text("#command")
        page.end()
    with tempfile.NamedTemporaryFile("w") as keys:
        made = subprocess.run([program, "key", "browser"], capture_output=True, text=True, check=True).stdout.splitlines()
        key, line = (line.split(maxsplit=1)[1] for line in made)
        print(line, file=keys, flush=True)
        with served(program, "--api-keys", keys.name) as address:
            check_keys(address, key)
    print("the page is as it should be")


if __name__ == "__main__":
    main(*sys.argv[1:])
