"""The staff's pages: everything a browser asks of the centre, in one registration."""

from __future__ import annotations

from flask import Flask

from schemas.fields import AreaCode
from sync_server.services.records import listed_kinds
from sync_server.web import (
    account,
    areas,
    campaign_results,
    campaigns,
    code_pages,
    compound_figures,
    compound_file,
    conflicts,
    coverage,
    daily_rounds,
    device_accounts,
    devices,
    duplicates,
    errors,
    exports,
    field_figures,
    figures_export,
    handed,
    home,
    household_file,
    i18n,
    imports,
    issue_figures,
    issue_intake,
    issues,
    ledgers,
    materials,
    meeting_sheet,
    notices,
    opinions,
    people,
    photo_pages,
    place_forms,
    privacy,
    privacy_acts,
    proving,
    quality,
    records,
    register_figures,
    relay,
    retention,
    second_factor,
    security,
    service_requests,
    time_limits,
    timeliness,
    times,
    unit_figures,
    units,
    uploads,
    waiting,
    wording,
    working_calendar,
)
from sync_server.web.i18n import language


def register(app: Flask) -> None:
    """Add the staff's pages, their errors, languages and headers to the centre's app."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    security.register(app)
    errors.register(app)
    i18n.register(app)
    account.register(app)
    wording.register(app)
    desks = (conflicts, duplicates, waiting, times)
    laptops = (devices, device_accounts)
    deadlines = (working_calendar, time_limits)
    for module in (
        home,
        uploads,
        *desks,
        service_requests,
        issue_figures,
        meeting_sheet,
        unit_figures,
        daily_rounds,
        issue_intake,
        compound_figures,
        field_figures,
        figures_export,
        timeliness,
        register_figures,
        campaign_results,
        campaigns,
        materials,
        opinions,
        coverage,
        records,
        compound_file,
        household_file,
        areas,
        quality,
        photo_pages,
        exports,
        ledgers,
        *laptops,
        *deadlines,
        notices,
        people,
        proving,
        second_factor,
        units,
        privacy,
        privacy_acts,
        code_pages,
        retention,
    ):
        app.register_blueprint(module.blueprint)
    relay.register(app)
    imports.register(app)
    place_forms.register(app)
    issues.register(app)
    handed.register(app)
    app.add_template_test(lambda field: isinstance(field, AreaCode), "area_code")
    app.context_processor(lambda: {"listed_kinds": lambda: listed_kinds(language())})
