"""Every failure the centre names, by a stable code with its facts.

``web/problems.py`` and ``web/errors.py`` alone turn a code into a status or a sentence, ``cli.py``
into a line on the terminal.
"""

from __future__ import annotations

from typing import Any

CODES: dict[str, str] = {
    # a request of a laptop
    "bad_json": "the body is not JSON",
    "bad_encoding": "the body is not gzip, or not the declared encoding",
    "wrong_type": "the body has another content type",
    "too_large": "the body is larger than allowed",
    "bad_envelope": "the envelope cannot be used; it was kept for staff",
    "bad_request": "members of the request are missing or wrong",
    "bad_token": "no device has this token",
    "device_revoked": "the device was revoked",
    "wrong_device": "the token belongs to another device",
    "busy": "an exchange of this device is under way",
    "server_busy": "as many exchanges as this server takes at a time are under way",
    "sequence_gap": "changes before the first one have not been received",
    "stream_forked": "the stream has another history at the centre",
    "unavailable": "the database cannot be used at the moment",
    "unknown_kind": "there is no such kind",
    "not_found": "there is no such address",
    "not_possible": "the address does not take this method",
    "rate_limited": "too many requests",
    "unexpected": "the centre failed; the failure was written down",
    # photos by tus
    "tus_version": "the request is of another version of tus",
    "upload_gone": "the upload's time is over",
    "upload_locked": "somebody else is writing this upload",
    "offset_conflict": "the upload stands at another offset",
    "checksum_mismatch": "the bytes do not hash to what was said; they were dropped",
    "not_a_photo": "the bytes are no photo that can be taken",
    "photo_storage_full": "the disk that holds the photos is full",
    # joining
    "bad_code": "the join code is unknown or too old",
    "code_used": "the join code was used with another key",
    # relay files
    "relay_not_ours": "the file is no relay file",
    "relay_other_kind": "the file is a receipt, not what a laptop wrote",
    "relay_newer": "the file was written by a newer program",
    "relay_other_recipient": "the file is for another centre",
    "relay_damaged": "the file is cut short or was altered",
    "relay_unsigned": "the file was not made by the device it names",
    "relay_unknown_device": "no device of this centre made the file",
    "relay_too_large": "the file is larger than is taken over the network",
    "relay_unreadable": "the file cannot be read",
    "relay_no_file": "no file was chosen",
    # people
    "sign_in_needed": "nobody is signed in",
    "laptop_only": "somebody of this role has no page at the centre",
    "sign_in_failed": "the number or the password is wrong",
    "locked_out": "too many failed sign-ins",
    "user_exists": "the number belongs to somebody already",
    "unknown_user": "there is no such user",
    "bad_number": "a number has 1 to 40 characters without space",
    "bad_name": "a name has 1 to 60 characters",
    "bad_role": "there is no such role",
    "bad_user_kind": "there is no such kind of user",
    "unknown_unit": "no unit in use has this name or id",
    "unit_needed": "an account of a unit names its unit",
    "unit_needless": "the role acts for no unit",
    "unit_has_work": "issues wait for the unit",
    "bad_scope": "the area codes lie outside the district or do not suit the role",
    "no_grid": "a worker holds at least one grid",
    "grids_elsewhere": "the worker also holds grids outside the areas of who asks",
    "weak_password": "a password has 10 to 200 characters",
    "no_password": "this user signs in on a laptop only",
    "demo_outside": "demo accounts exist in a demo database alone",
    # records
    "unknown_record": "there is no such record",
    "bad_fields": "fields are wrong",
    "step_not_possible": "the issue does not allow this step as it stands",
    "out_of_date": "the record was changed meanwhile",
    "conflicts_first": "a record with an open conflict cannot be merged",
    "later_merge_first": "the survivor was merged itself since",
    "not_allowed": "this person may not do this",
    "step_overtaken": "the case does not allow this step as it stands",
    "words_needed": "words must be said with this decision",
    "words_too_long": "the words are too long",
    "reason_needed": "a reason must be given for showing personal values",
    # grids
    "area_ended": "the area has ended",
    "area_not_empty": "records or areas lie in the area",
    "name_needed": "a name has 1 to 200 characters",
    "buildings_needed": "some of the buildings go, not none and not all",
    "same_grid": "a grid cannot be merged into itself",
    "grids_full": "no code is left under this area",
    "unknown_building": "no building of the grid, or several, are called so",
    "grids_not_his": "this person may not redraw grids",
    # deadlines
    "note_too_long": "the note is too long",
    "bad_hours": "working hours are missing, empty, or overlap",
    "bad_limit": "a limit is a whole amount of a known unit",
    "bad_period": "a period of statistics ends before it begins, or is too long",
    "bad_rule": "no such clock, or codes it does not depend on",
    # registers in spreadsheets
    "sheet_unreadable": "the file is no spreadsheet that can be read",
    "sheet_old": "the file is an old .xls",
    "sheet_locked": "the file is locked with a password",
    "sheet_empty": "the sheet holds nothing",
    "sheet_too_long": "the sheet has too many rows",
    "sheet_missing": "no file was chosen",
    "sheet_too_large": "the file is larger than is taken over the network",
    "import_gone": "the files of the import were deleted",
    "import_state": "the import is at another stage by now",
    "import_of_other": "somebody else brought the file",
    "columns_missing": "needed columns have neither a column nor a fixed value",
    "unknown_column": "there is no such column",
    "ledger_name": "a ledger has a name of its own",
    "no_such_file": "the file cannot be read",
    "rows_refused": "some rows were not imported",
    "unknown_ledger": "there is no such ledger",
    # demo worlds
    "no_files": "this demo world cannot be written as files",
    "world_differs": "the year of the demo world does not come to its golden numbers",
    # running
    "old_sqlite": "the SQLite library has the WAL-reset bug",
    "bad_database_url": "the database address cannot be used",
    "database_unreachable": "the database cannot be reached",
    "database_damaged": "the database file is damaged",
    "database_newer": "the database was written by a newer program",
    "database_older": "the database has not been brought to this program's tables",
    "disk_full": "the disk is full",
    "folder_unusable": "the data folder cannot be used",
    "bad_address": "this machine cannot listen on the address",
    "no_database": "there is no database yet",
    "file_exists": "the file exists and is kept",
    "unknown_world": "there is no such demo world",
    "password_missing": "no password was given",
    "passwords_differ": "the two passwords differ",
    "port_in_use": "the port is in use",
    "remote_listening": "listening beyond this machine was not asked for",
    "district_not_empty": "the district holds records already",
    "bad_district": "a district code has 6 digits",
    "demo_district": "the demo world lies in a district of its own",
    "unknown_district": "the database holds no such district",
    "several_districts": "the database holds several districts and none was named",
    "backup_failed": "the copy could not be made or verified",
    "no_backup": "the backup file cannot be read",
    "not_a_backup": "the file is no backup of a centre",
    "backup_damaged": "the backup is damaged",
    "restore_failed": "the backup could not be loaded",
    "server_running": "programs are using the data folder",
    "being_restored": "a backup is being restored in the data folder",
    "database_not_empty": "the database is not empty",
    "program_missing": "a program this needs was not found",
    "not_postgresql": "only tables of PostgreSQL can be put into parts",
    "parts_differ": "not every row arrived in its part as it was",
}


class Refusal(Exception):
    """The centre will not or cannot do something: ``code`` is one of CODES, ``facts`` plain."""

    def __init__(self, code: str, /, **facts: Any) -> None:
        super().__init__(f"{code}: {CODES[code]}")
        self.code = code
        self.facts = facts
