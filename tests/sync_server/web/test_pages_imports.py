"""Registers on the pages: upload, columns, check, import, take back; who sees which values."""

from __future__ import annotations

import io

import openpyxl
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from sync_server.domain.sheets.problems import RowProblem
from sync_server.services.import_pages import shown_fault
from sync_server.services.import_work import Worker
from sync_server.store.tables import audit, records
from tests.sync_server.registers import workbook
from tests.sync_server.web.staff import COMMUNITY, GRID, Town, hire, sign_in, token
from tests.sync_server.web.test_proving import LATE, prove, send
from tests.sync_server.world import StillClock

HEADS = ["小区", "楼号", "房号", "户主", "姓名", "性别", "出生日期", "身份证", "关系", "手机"]
DAMAGED = 9.90101198001010e17
ROWS = [
    HEADS,
    ["幸福里", "8", "801", "赵样本", "赵样本", "男", "1970/5/1", None, "户主", "10000004321"],
    ["幸福里", "8", "801", "赵样本", "钱样本", "女", 25965, None, "妻", None],
    ["幸福里", "8", "802", "孙样本", "孙样本", "男", "1980年1月", DAMAGED, "户主", None],
    ["没有的里", "8", "802", "李样本", "李样本", "男", "1980-01", None, "户主", None],
]


def upload(client: FlaskClient, data: bytes, name: str = "居民.xlsx"):
    """Post a file; return the answer."""
    form = {"csrf_token": token(client), "file": (io.BytesIO(data), name)}
    return client.post("/imports", data=form, content_type="multipart/form-data")


def post(client: FlaskClient, address: str, **form: str):
    """Post a form with its token; return the page after it."""
    data = {"csrf_token": token(client), **form}
    return client.post(address, data=data, follow_redirects=True)


def work(town: Town) -> None:
    Worker(town.centre).work()


def columns_of(page: str) -> dict[str, str]:
    """Return the posted values of the form of columns as it was proposed."""
    from html.parser import HTMLParser

    found: dict[str, str] = {}

    class Form(HTMLParser):
        """Collects controls with what is chosen in them."""

        select = ""

        def handle_starttag(self, tag, attrs) -> None:
            said = dict(attrs)
            if tag == "select":
                self.select = said["name"]
                found.setdefault(self.select, "")
            elif tag == "option" and "selected" in said:
                found[self.select] = said.get("value", "")
            elif tag == "input" and said.get("type") == "checkbox":
                if "checked" in said:
                    found[said["name"]] = said["value"]
            elif tag == "input" and said.get("name") not in (None, "csrf_token", "next"):
                found[said["name"]] = said.get("value", "")

    Form().feed(page[page.index('action="/imports/') : page.index("放弃")])
    return {name: text for name, text in found.items() if name != "lines"}


def test_a_register_goes_from_file_to_records_and_back(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    address = upload(client, workbook(("居民", ROWS))).headers["Location"]
    assert "正在读取文件" in client.get(address).text
    work(town)
    page = client.get(address).text
    form = columns_of(page)
    assert form["kind"] == "resident"
    assert form["column-7"] == "id_no"
    assert form["fixed-notice_version"] == "旧台账"
    checking = post(client, f"{address}/columns", **form | {"area": GRID})
    assert "检查中" in checking.text
    work(town)
    page = client.get(address).text
    assert "保留了前15位" in page
    assert "没有找到小区“没有的里”" in page
    assert "赵样本" in client.get(f"{address}?show=new").text
    with town.centre.store.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).where(
            records.c.fields["name"].as_string() == "赵样本")) == 0  # fmt: skip
    post(client, f"{address}/run")
    work(town)
    page = client.get(f"{address}?show=new").text
    assert "已导入" in page
    assert "赵样本" not in page  # masked again, as anywhere
    assert "赵**" in page
    listed = client.get("/records/resident?q=zyb").text
    assert "赵**" in listed
    post(client, f"{address}/undo")
    work(town)
    assert "已撤销" in client.get(address).text
    assert "赵**" not in client.get("/records/resident?q=zyb").text
    with town.centre.store.reading() as connection:
        actions = set(connection.execute(sa.select(audit.c.action)).scalars())
    assert {"import_file", "import", "undo_import"} <= actions


def test_importing_and_taking_back_ask_again_who_it_is(
    town: Town, app: Flask, clock: StillClock
) -> None:
    client = sign_in(app, "community")
    address = upload(client, workbook(("居民", ROWS))).headers["Location"]
    work(town)
    post(client, f"{address}/columns", **columns_of(client.get(address).text) | {"area": GRID})
    work(town)
    clock.now += LATE
    asked = send(client, address, f"{address}/run")
    assert "确认是您本人" in asked.text
    work(town)
    assert "已导入" not in client.get(address).text
    assert "还没有提交" in prove(client, asked).text
    send(client, address, f"{address}/run")
    work(town)
    assert "已导入" in client.get(address).text
    clock.now += LATE
    assert "确认是您本人" in send(client, address, f"{address}/undo").text
    work(town)
    assert "已撤销" not in client.get(address).text


def test_rows_that_were_refused_come_as_a_sheet(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    address = upload(client, workbook(("居民", ROWS))).headers["Location"]
    work(town)
    form = columns_of(client.get(address).text)
    post(client, f"{address}/columns", **form | {"area": GRID})
    work(town)
    answer = client.get(f"{address}/faults")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    rows = [list(row) for row in sheet.iter_rows(values_only=True)]
    assert rows[0] == ["行", "列", "内容", "原因", "代码"]
    assert [(row[0], row[1], row[4]) for row in rows[1:]] == [
        (4, "身份证号", "number_damaged"), (5, "小区名称", "parent_missing"),
    ]  # fmt: skip
    other = sign_in(app, "district").get(f"{address}/faults")
    assert b"9.90101" not in other.data


def test_columns_that_are_missing_are_asked_for_and_what_was_chosen_stays(
    town: Town, app: Flask
) -> None:
    client = sign_in(app, "community")
    rows = [["谁", "小区", "楼号", "房号"], ["甲", "幸福里", "3", "502"]]
    address = upload(client, workbook(("Sheet1", rows))).headers["Location"]
    work(town)
    form = columns_of(client.get(address).text) | {"kind": "resident", "again": "1"}
    page = post(client, f"{address}/columns", **form).text
    form = columns_of(page)
    answer = client.post(f"{address}/columns", data={"csrf_token": token(client), **form,
                                                     "fixed-notice_version": "2026-2"})  # fmt: skip
    assert answer.status_code == 422
    assert "还缺必需的列：姓名" in answer.text
    assert "2026-2" in answer.text


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "表格里没有内容"), (b"PK\x03\x04nothing", "不是能读的表格"),
     (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1x", "旧的 .xls")],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_told(
    quiet_town: Town, quiet_app: Flask, data: bytes, words: str
) -> None:
    answer = upload(sign_in(quiet_app, "community"), data)
    assert answer.status_code == 422
    assert words in answer.text


def test_an_empty_register_holds_the_heads_an_import_knows(
    quiet_town: Town, quiet_app: Flask
) -> None:
    answer = sign_in(quiet_app, "community").get("/imports/template/shop")
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    assert "名称" in [cell.value for cell in book.worksheets[0][1]]
    assert sign_in(quiet_app, "community").get("/imports/template/visit").status_code == 404


def test_what_stands_in_a_file_is_shown_to_nobody_but_who_brought_it(
    town: Town, app: Flask
) -> None:
    mine = sign_in(app, "community")
    hire(town, "colleague", "community", (COMMUNITY,))
    colleague = sign_in(app, "colleague")
    number, phone = "990101197005010017", "10000004321"
    rows = [HEADS, ["幸福里", "8", "801", "赵样本", "赵样本", None, None, number, "户主", phone]]
    address = upload(mine, workbook(("居民", rows))).headers["Location"]
    work(town)
    page = mine.get(address).text
    assert number in page
    form = columns_of(page) | {"area": GRID}

    def seen(**asked: str) -> tuple[int, bool]:
        """Return the status a colleague is answered with, and whether anything is shown."""
        if not asked:
            answer = colleague.get(address)
        else:
            said = {"csrf_token": token(colleague), "kind": "resident", **asked}
            answer = colleague.post(f"{address}/columns", data=said)
        shown = any(text in answer.text for text in (number, phone, "赵样本"))
        return answer.status_code, shown

    walk = {"again": "1", "first": "1", "lines": "999999"}
    assert seen() == (200, False)
    assert seen(**walk) == (409, False)
    assert seen(**form) == (409, False)
    # An ID number taken for a name of a compound would be shown to everybody.
    assert seen(**form | {"column-0": "", "column-7": "compound.name"}) == (409, False)
    assert number in post(mine, f"{address}/columns", **form | {"again": "1"}).text
    post(mine, f"{address}/columns", **form)
    work(town)
    assert seen() == (200, False)
    post(mine, f"{address}/run")
    work(town)
    assert "已导入" in mine.get(address).text
    for client in (colleague, mine):
        data = {"csrf_token": token(client), "kind": "resident", **walk}
        answer = client.post(f"{address}/columns", data=data)
        assert answer.status_code == 409
        assert number not in answer.text
    assert seen(**walk) == (409, False)


@pytest.mark.parametrize(
    ("column", "value"), [("resident.name", "赵样本"), ("household.code", "H-1")]
)
def test_a_fault_that_is_masked_names_nobody(column: str, value: str) -> None:
    said = {"what": ["居民", "resident"], "value": f"{value} 赵样本 990101197005010017"}
    fault = RowProblem(column, value, "parent_missing", said)
    assert "990101197005010017" in shown_fault("care", fault, "zh", masked=False).text
    masked = shown_fault("care", fault, "zh", masked=True).text
    assert masked.startswith("没有找到居民")
    assert "赵样本" not in masked
    assert "9901" not in masked


def test_heads_have_three_lines_at_most(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    address = upload(client, workbook(("居民", ROWS))).headers["Location"]
    work(town)
    page = post(client, f"{address}/columns", again="1", first="1", lines="999999").text
    assert 'name="was_lines" value="3"' in page


def test_an_import_of_next_door_is_not_there(town: Town, app: Flask) -> None:
    address = upload(sign_in(app, "neighbour"), workbook(("居民", ROWS))).headers["Location"]
    work(town)
    mine = sign_in(app, "community")
    assert mine.get(address).status_code == 404
    assert "居民.xlsx" not in mine.get("/imports").text
    assert sign_in(app, "district").get(address).status_code == 200
