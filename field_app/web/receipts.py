"""回执: what the centre confirmed, to be printed or saved, by round and by day."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from field_app.services import receipts
from field_app.web.session import workspace

pages = Blueprint("receipts", __name__, url_prefix="/receipts")


@pages.get("/<int:number>")
def of_round(number: int) -> Any:
    """Show the receipt of one sync round."""
    return _page(receipts.round_receipt(workspace(), str(number)))


@pages.get("/day/<day>")
def of_day(day: str) -> Any:
    """Show the receipt of everything made on a day."""
    return _page(receipts.day_receipt(workspace(), day))


def _page(receipt: receipts.Receipt) -> Any:
    labels = {name: label.text(workspace().lang) for name, label in receipts.OUTCOMES.items()}
    return render_template("receipt.html", receipt=receipt, labels=labels)
