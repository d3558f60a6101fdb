"""The least that Flask and PostgreSQL can do: an array of documents into one JSONB table.

No identity, no merge, no history, no receipts: the physical limit of this stack. With
``BARE_SCHEMA=1`` every record passes a plain ``Schema().load`` first. Served by gunicorn as
``benchmarks.peers.bare_flask:application``; the database is named by BARE_DATABASE.
"""

from __future__ import annotations

import json
import os

from flask import Flask, Response, jsonify, render_template_string, request
from psycopg_pool import ConnectionPool

from benchmarks.peer_records import RecordSchema

TABLE = "CREATE TABLE IF NOT EXISTS docs (id text PRIMARY KEY, body jsonb NOT NULL)"
INSERT = (
    "INSERT INTO docs (id, body) SELECT * FROM unnest(%s::text[], %s::jsonb[])"
    " ON CONFLICT (id) DO NOTHING"
)
AFTER = "SELECT id, body FROM docs WHERE id > %s ORDER BY id LIMIT %s"
AFTER_AS_TEXT = "SELECT id, body::text FROM docs WHERE id > %s ORDER BY id LIMIT %s"
PAGE = """<!doctype html><title>Records</title><table>{% for row in rows %}
<tr><td>{{ row.visited_at }}</td><td>{{ row.met }}</td><td>{{ row.findings }}</td>
<td>{{ row.result }}</td></tr>{% endfor %}</table>"""


def make() -> Flask:
    """Return the app with its pool of connections."""
    app = Flask(__name__)
    pool = ConnectionPool(os.environ["BARE_DATABASE"], min_size=4, max_size=8, open=True)
    schema = RecordSchema() if os.environ.get("BARE_SCHEMA") else None

    @app.post("/docs")
    def take() -> Response:
        docs = request.get_json()
        if schema is not None:
            for doc in docs:
                schema.load(doc)
        ids = [doc["id"] for doc in docs]
        bodies = [json.dumps(doc, ensure_ascii=False) for doc in docs]
        with pool.connection() as connection:
            connection.execute(INSERT, (ids, bodies))
        return jsonify(ids=ids)

    @app.get("/docs")
    def give() -> Response:
        with pool.connection() as connection:
            rows = connection.execute(AFTER, _asked()).fetchall()
        return jsonify(rows=[{"id": one, "body": body} for one, body in rows])

    @app.get("/texts")
    def give_texts() -> Response:
        with pool.connection() as connection:
            rows = connection.execute(AFTER_AS_TEXT, _asked()).fetchall()
        texts = (f'{{"id":"{one}","body":{body}}}' for one, body in rows)
        return Response(f'{{"rows":[{",".join(texts)}]}}', mimetype="application/json")

    @app.get("/page")
    def page() -> str:
        with pool.connection() as connection:
            rows = connection.execute(AFTER, ("", 50)).fetchall()
        return render_template_string(PAGE, rows=[body for _, body in rows])

    @app.get("/healthz")
    def well() -> Response:
        return jsonify(ok=True)

    return app


def _asked() -> tuple[str, int]:
    return request.args.get("after", ""), int(request.args.get("limit", "500"))


if "BARE_DATABASE" in os.environ:
    application = make()
