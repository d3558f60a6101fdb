"""照片 at the browser: from a file or the camera, shown from the sealed file, kept private."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from playwright.sync_api import expect

from field_app.services import photos
from field_app.services.records import save_record, views
from tests.field_app.laptops import PASSPHRASE, Laptop, save_issue
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import rid
from tests.pictures import corner, opened, picture


@pytest.fixture
def at(laptop: Laptop) -> Laptop:
    """A laptop with the small grid, its worker signed in at a browser."""
    return sign_in(laptop)


def add(at: Laptop, path: str, *contents: bytes, use: str = "scene") -> Any:
    """Submit the photo form of a record's page; return the page it leads to."""
    page = at.browser.get(path)
    action = re.search(r'action="(/photos/of/[^"]+)" enctype="multipart/form-data"', page.text)
    assert action, page.text
    files = [(io.BytesIO(one), f"图{number}.jpg") for number, one in enumerate(contents)]
    return at.browser.post(
        action[1], {"use": use, "photo": files}, seen=path, follow_redirects=True
    )


def test_photos_are_added_on_an_issues_page(at: Laptop) -> None:
    path = f"/issues/{save_issue(at.ws).record_id}"
    page = add(at, path, picture(orientation=6), picture(noise=1), use="before")
    assert "已加2张照片，同步时上传。" in page.text
    assert page.text.count('data-photo-state="waiting"') == 2
    assert "照片未传" in page.text
    assert "处置前" in page.text
    for address in re.findall(r'(?:href|src)="(/photos/[^"]+\.jpg)"', page.text):
        shown = at.browser.get(address)
        assert shown.mimetype == "image/jpeg"
        assert shown.headers["Cache-Control"] == "no-store"
        assert shown.headers["X-Content-Type-Options"] == "nosniff"
        assert dict(opened(shown.data).getexif()) == {}
    assert corner(opened(at.browser.get(first_photo(page.text)).data), "top right") == "red"


def first_photo(html: str) -> str:
    found = re.search(r'href="(/photos/[0-9a-f-]+\.jpg)"', html)
    assert found, html
    return found[1]


@pytest.mark.parametrize("kind", ["household", "compound", "shop", "resident"])
def test_records_of_many_kinds_take_photos(kind: str, at: Laptop) -> None:
    record_id = rid(kind, 1)
    page = at.browser.get(f"/records/{kind}/{record_id}", follow_redirects=True)
    assert "data-photo-form" in page.text or kind == "household"
    path = {
        "household": f"/base/households/{record_id}", "compound": f"/base/compounds/{record_id}",
    }.get(kind, f"/records/{kind}/{record_id}")  # fmt: skip
    if "data-photo-form" in page.text:
        path = page.request.path
    assert "照片未传" in add(at, path, picture()).text
    (photo,) = views(at.ws, "photo")
    assert (photo["fields"]["owner_type"], photo["fields"]["owner_id"]) == (kind, record_id)
    assert photo["grid"] in at.ws.grids


def test_what_is_no_photo_is_named_and_the_others_are_kept(at: Laptop) -> None:
    path = f"/issues/{save_issue(at.ws).record_id}"
    page = add(at, path, b"no picture", picture())
    assert "图0.jpg: 这个文件不是照片" in page.text
    assert "已加1张照片" in page.text
    assert "请先选择照片" in add(at, path).text


def test_a_photo_larger_than_other_forms_is_taken_and_made_small(at: Laptop) -> None:
    raw = picture(2000, 1500, form="PNG", noise=7)
    assert len(raw) > 2 * 1024 * 1024
    page = add(at, f"/issues/{save_issue(at.ws).record_id}", raw)
    small = at.browser.get(first_photo(page.text)).data
    assert len(small) <= 500_000
    assert at.browser.post("/sync", {"text": "x" * 3_000_000}).status_code == 413


def test_a_picture_never_passes_through_a_file_in_the_open(
    at: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a temporary file was opened")

    path = f"/issues/{save_issue(at.ws).record_id}"
    at.browser.get(path)
    monkeypatch.setattr("werkzeug.formparser.SpooledTemporaryFile", refuse)
    assert "已加1张照片" in add(at, path, picture(1200, 900, form="PNG", noise=2)).text


def test_a_photo_record_is_not_typed_by_hand_but_can_be_voided(at: Laptop) -> None:
    assert at.browser.get("/records/photo/new").status_code == 404
    issue = save_issue(at.ws).record_id
    photo_id = photos.attach(at.ws, "issue", issue, picture(), "scene")
    page = at.browser.get(f"/records/photo/{photo_id}").text
    assert f'src="/photos/{photo_id}.jpg"' in page
    path = f"/records/photo/{photo_id}/void"
    at.browser.post(path, {"reason": "拍错了"}, seen=path)
    assert "data-photo-state" not in at.browser.get(f"/issues/{issue}").text


def test_nobody_sees_a_photo_while_all_is_locked(at: Laptop) -> None:
    issue = save_issue(at.ws).record_id
    photo_id = photos.attach(at.ws, "issue", issue, picture(), "scene")
    assert at.browser.get(f"/photos/{photo_id}.jpg").status_code == 200
    assert at.browser.get(f"/photos/{rid('issue', 1)}.jpg").status_code == 404
    assert at.browser.get("/photos/nonsense.jpg").status_code == 404
    at.desk.lock()
    assert at.browser.get(f"/photos/{photo_id}.jpg").status_code == 302


def test_a_photo_from_elsewhere_is_said_to_be_elsewhere(at: Laptop) -> None:
    saved = save_issue(at.ws)
    made = save_record(
        at.ws, "photo", "create",
        {"owner_type": "issue", "owner_id": saved.record_id, "use": "scene", "sha256": "a" * 64,
         "bytes": 100},
    )  # fmt: skip
    assert made.saved, made.problems
    page = at.browser.get(f"/issues/{saved.record_id}").text
    assert "照片不在本机" in page
    assert f"/photos/{made.record_id}" not in page


CAMERA = """
navigator.mediaDevices.getUserMedia = async () => {
  const canvas = document.createElement("canvas");
  canvas.width = 640; canvas.height = 480;
  const drawing = canvas.getContext("2d");
  setInterval(() => { drawing.fillStyle = "red"; drawing.fillRect(0, 0, 640, 480); }, 30);
  return canvas.captureStream(30);
};
"""


def test_a_photo_is_taken_with_the_camera(at: Laptop, live_server: Any, browser_page: Any) -> None:
    issue = save_issue(at.ws).record_id
    base = live_server(at.app)
    at.app.config["HOSTS"] = frozenset({base.removeprefix("http://")})
    page = browser_page()
    page.add_init_script(CAMERA)
    page.goto(base + "/unlock")
    page.get_by_label("口令").fill(PASSPHRASE)
    page.keyboard.press("Enter")
    page.wait_for_url(base + "/")
    page.goto(f"{base}/issues/{issue}")
    page.get_by_role("button", name="用摄像头拍").click()
    page.wait_for_function("document.querySelector('video').videoWidth > 0")
    page.get_by_role("button", name="拍一张").click()
    expect(page.get_by_text("已拍好，按“加照片”保存。")).to_be_visible()
    page.get_by_role("button", name="关闭摄像头").click()
    page.get_by_role("button", name="加照片").click()
    expect(page.get_by_text("已加1张照片，同步时上传。")).to_be_visible()
    (photo,) = photos.of_record(at.ws, issue)
    content = photos.read_photo(at.ws, photo.photo_id)
    assert content is not None
    assert opened(content).size == (640, 480)
    assert corner(opened(content), "bottom right") == "red"
