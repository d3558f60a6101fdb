"""The sentence of each failure an operator can meet, in Chinese and English."""

from __future__ import annotations

from schemas.labels import Label
from sync_server.domain.errors import CODES, Refusal

SENTENCES: dict[str, Label] = {
    "port_in_use": Label(
        "端口 {port} 已被占用，请换一个端口（--port）或先停掉占用它的程序。",
        "Port {port} is in use; choose another with --port or stop the program that uses it.",
    ),
    "port_reserved": Label(
        "系统不让本用户使用端口 {port}：请用1024以上的端口（--port），由前面的代理监听 {port}。",
        "The system does not let this user take port {port}: choose one above 1023 with --port"
        " and let a proxy in front listen on {port}.",
    ),
    "unreadable_words": Label(
        "命令里有按终端设置（{encoding}）读不出的字，什么都没有做。"
        "请先 export LC_ALL=C.UTF-8 再运行；文件名本身是别的编码的，请先改名。",
        "Some words cannot be read by the terminal's settings ({encoding}); nothing was done."
        " Say export LC_ALL=C.UTF-8 and run it again, or rename the file whose name it is.",
    ),
    "bad_address": Label(
        "不能在地址 {host} 上监听。", "This machine cannot listen on the address {host}."
    ),
    "remote_listening": Label(
        "{host} 不是本机地址；确要让别的电脑连接，请加 --listen-remotely。",
        "{host} is reachable from other machines; say --listen-remotely if that is meant.",
    ),
    "database_unreachable": Label(
        "连不上数据库，请检查地址（--database-url）和数据库是否在运行。{words}",
        "The database cannot be reached; check --database-url and that it is running. {words}",
    ),
    "database_login": Label(
        "数据库在运行，但不接受这个用户或口令，请检查 --database-url 或 .pgpass。{words}",
        "The database server runs but refuses the role or its password; check --database-url or"
        " .pgpass. {words}",
    ),
    "database_missing": Label(
        "数据库服务器在运行，但没有这个库，请先用 createdb 建立，或检查 --database-url。{words}",
        "The database server runs but has no such database; make it with createdb, or check"
        " --database-url. {words}",
    ),
    "no_folder": Label(
        "没有这个文件夹（优盘是否已接好？），什么都没有写：{folder}。",
        "There is no such folder (is the stick plugged in?); nothing was written: {folder}.",
    ),
    "kind_or_ledger": Label(
        "请写明类别，或用 --ledger 写明台账，二者选一。类别：{kinds}。",
        "Name a kind, or a ledger with --ledger: one of the two. Kinds are: {kinds}.",
    ),
    "unknown_grid": Label(
        "没有这个网格，或不在 --by 的人的辖区内：{code}。",
        "There is no such grid, or not in the areas of whom --by names: {code}.",
    ),
    "bad_database_url": Label(
        "数据库地址不正确，应为 postgresql+psycopg://用户:口令@主机/库名。",
        "The database address cannot be used; it reads postgresql+psycopg://user:password@host/name.",
    ),
    "database_damaged": Label(
        "数据库文件已损坏：{file}。请勿改动它，用最近的备份恢复。",
        "The database file is damaged: {file}. Leave it as it is and restore the latest backup.",
    ),
    "database_newer": Label(
        "数据库是由更新版本的程序写的（{step}），请升级本程序。",
        "The database was written by a newer program ({step}); please upgrade this one.",
    ),
    "database_older": Label(
        "数据库还是旧版本程序的，请先用本程序启动一次（或运行 init）。",
        "The database is still an older program's; start this one once (or run init) first.",
    ),
    "disk_full": Label(
        "磁盘已满，什么都没有写入；请先腾出空间。",
        "The disk is full and nothing was written; make room first.",
    ),
    "folder_unusable": Label(
        "数据文件夹不能使用：{folder}。", "The data folder cannot be used: {folder}."
    ),
    "unavailable": Label("数据库正忙，请稍后再试。", "The database is busy; try again later."),
    "compile_no_cython": Label(
        "没有装好 Cython {version} 和 setuptools，什么都没有改动："
        "请先运行 pip install --require-hashes -r requirements/compile.txt。",
        "Cython {version} and setuptools are not installed; nothing was changed. First run"
        " pip install --require-hashes -r requirements/compile.txt",
    ),
    "compile_no_compiler": Label(
        "缺少 C 编译器或 Python 的头文件（{missing}），什么都没有改动；服务器不编译也照常运行。"
        "Debian：apt-get install gcc python3-dev。",
        "A C compiler or Python's headers are missing ({missing}); nothing was changed, and the"
        " server runs without as well. Debian: apt-get install gcc python3-dev",
    ),
    "compile_failed": Label(
        "编译没有成功，什么都没有改动；服务器照常运行。{words}",
        "Compiling failed; nothing was changed, and the server runs without as well. {words}",
    ),
    "compile_not_kept": Label(
        "编译好的模块写不下来：{folder}。{words}",
        "The compiled modules cannot be written: {folder}. {words}",
    ),
    "old_sqlite": Label(
        "SQLite {version} 有会丢数据的缺陷，请按 requirements 重新安装。",
        "SQLite {version} has a fault that loses data; install the pinned requirements again.",
    ),
    "demo_outside": Label(
        "数据库里有演示账号，但它不是演示数据库（区县 {district}），拒绝启动。",
        "There are demo accounts but this is no demo database (district {district}); not started.",
    ),
    "district_not_empty": Label(
        "区县 {district} 已有数据，演示数据只能装入空库，请换一个 --data。",
        "District {district} holds data; a demo world needs an empty one, choose another --data.",
    ),
    "demo_district": Label(
        "演示数据只装入区县 {known}，不是 {district}：请去掉 --district 和 GRIDROUNDS_DISTRICT。",
        "The demo world lies in district {known}, not {district};"
        " leave out --district and GRIDROUNDS_DISTRICT.",
    ),
    "no_files": Label(
        "B世界的事件由中心逐步办理而成，不能写成文件。",
        "World B's issues exist only where they were handled; it cannot be written as files.",
    ),
    "world_differs": Label(
        "与标准数字不符，共 {differences} 项，见上表。",
        "{differences} numbers differ from the golden ones; see the table above.",
    ),
    "bad_district": Label(
        "请用 --district 指明区县代码（6位数字）。", "Name the district with --district (6 digits)."
    ),
    "several_districts": Label(
        "数据库里有几个区县，请用 --district 指明其中一个：{known}。",
        "The database holds several districts; name one with --district: {known}.",
    ),
    "unknown_district": Label(
        "没有区县 {district}，什么都没有做。现有：{known}；确要新增，用 init --district。",
        "There is no district {district}; nothing was done. Known: {known}."
        " To add one on purpose, use init --district.",
    ),
    "audit_broken": Label(
        "审计记录对不上：上面列出的 {count} 处在写下之后被改动或删除，请保留现场并查明原因。",
        "The audit does not hold: the {count} places above were changed or removed after they were"
        " written. Keep everything as it is and find out why.",
    ),
    "audit_rewritten": Label(
        "抄下的链头（第 {no} 条）不在链上：审计被整段改写过，或者数据库恢复到了更早的备份。",
        "The head that was written down (row {no}) is not in the chain: the audit was rewritten, or"
        " the database is an older backup's.",
    ),
    "no_database": Label(
        "还没有数据库：{file}。先运行一次 python -m sync_server。",
        "There is no database yet: {file}. Run python -m sync_server once.",
    ),
    "unknown_user": Label("没有工号为 {no} 的人。", "Nobody has the number {no}."),
    "user_exists": Label("工号 {no} 已有人使用。", "The number {no} is taken."),
    "bad_number": Label(
        "工号应为1至40个字符，不含空格。", "A number has 1 to 40 characters without spaces."
    ),
    "bad_name": Label("姓名应为1至60个字。", "A name has 1 to 60 characters."),
    "bad_role": Label("没有这个角色：{role}。", "There is no role {role}."),
    "bad_user_kind": Label("没有这种人员类别：{kind}。", "There is no kind of user {kind}."),
    "bad_scope": Label(
        "辖区代码不对：{code}（须在本区县内；网格员须为网格代码）。",
        "Not a fitting area code: {code} (inside the district; a worker needs grid codes).",
    ),
    "whole_district_role": Label(
        "这个角色管全区县的事（审计、时限、单位、台账），辖区只能是全区县：{code}；"
        "只管一部分区域的人请用 street 或 community。",
        "This role is about the whole district (audit, limits, units, ledgers), so its area is the"
        " district: {code}. For a part of it take street or community.",
    ),
    "unknown_area": Label(
        "本区县没有代码为 {code} 的区域，什么都没有做；"
        "请核对代码，新的区域先在“区域和网格”页新增或导入。",
        "The district has no area {code}; nothing was done. Check the code; add or import a new"
        " area first.",
    ),
    "unknown_unit": Label(
        "单位名录里没有这个单位，或它不是这一类：{unit}。",
        "The register has no such unit in use, or it is of the other kind: {unit}.",
    ),
    "unit_needed": Label(
        "部门和物业的账号要用 --unit 指明单位。",
        "An account of a department or company names its unit with --unit.",
    ),
    "unit_needless": Label(
        "--unit 只用于部门和物业的账号（角色 {role} 不用）。",
        "--unit is for accounts of departments and companies, not for the role {role}.",
    ),
    "weak_password": Label("密码应为10至200个字符。", "A password has 10 to 200 characters."),
    "laptop_only": Label(
        "网格员不在中心登录：他的口令只在自己的终端上，忘了用恢复码重设。",
        "A grid worker does not sign in here; a forgotten passphrase is set anew on the laptop,"
        " with the recovery key.",
    ),
    "password_missing": Label(
        "没有给出密码：请在终端输入，或用 --password-stdin。",
        "No password was given: type it on a terminal or use --password-stdin.",
    ),
    "second_factor_gone": Label(
        "此人没有设置第二重验证。", "There is no second factor to take away."
    ),
    "passwords_differ": Label("两次输入的密码不同。", "The two passwords differ."),
    "not_allowed": Label(
        "这只适用于在岗的网格员和网格长。",
        "This is for grid workers and grid leaders who are active.",
    ),
    "backup_failed": Label(
        "备份没有做成，或核对不一致，未留下文件。{words}",
        "The copy could not be made or does not match; no file was left. {words}",
    ),
    "backup_not_removed": Label(
        "新备份已做好，但旧备份删不掉：{file}。{words}",
        "The backup is written, but an older one could not be removed: {file}. {words}",
    ),
    "no_backup": Label("读不到备份文件：{file}。", "The backup file cannot be read: {file}."),
    "not_a_backup": Label(
        "这不是本程序的备份，什么都没有改动：{file}。",
        "This is no backup of a centre; nothing was changed: {file}.",
    ),
    "backup_of_other": Label(
        "备份是另一种数据库的（SQLite 为 .db，PostgreSQL 为 .dump），什么都没有改动：{file}。"
        "请核对 --database-url。",
        "The backup is of the other sort of database (.db: SQLite, .dump: PostgreSQL); nothing was"
        " changed: {file}. Check --database-url.",
    ),
    "backup_damaged": Label(
        "备份已损坏，什么都没有改动，请换一份：{file}。",
        "The backup is damaged; nothing was changed, choose another: {file}.",
    ),
    "restore_failed": Label(
        "没有恢复成功。{words} 请删掉并重建空数据库后再试。",
        "Not restored. {words} Drop the database, make an empty one, and try again.",
    ),
    "server_running": Label(
        "数据文件夹正在使用：{folder}。请先停掉服务器和其他命令。",
        "The data folder is in use: {folder}. Stop the server and other commands first.",
    ),
    "being_restored": Label(
        "正在恢复备份，请等它结束再启动：{folder}。",
        "A backup is being restored; start again when that is done: {folder}.",
    ),
    "database_not_empty": Label(
        "数据库不是空的。请新建一个空数据库，用 --database-url 指明它，再做一次。",
        "The database is not empty. Make an empty one, name it with --database-url, and try again.",
    ),
    "move_where": Label(
        "请用 --database-url postgresql+psycopg://… 指明要迁往的空数据库。",
        "Name the empty database to move to with --database-url postgresql+psycopg://host/name.",
    ),
    "moved_away": Label(
        "这个数据库已迁到 PostgreSQL，不再使用：{file}。请用 --database-url（或"
        " GRIDROUNDS_DATABASE_URL）指明新数据库再启动；要退回，只能用 restore 恢复备份。",
        "This database was moved to PostgreSQL and is not used any more: {file}. Name the new one"
        " with --database-url (or GRIDROUNDS_DATABASE_URL); the only way back is `restore`.",
    ),
    "move_unfinished": Label(
        "数据库迁移在最后一步中断：{file}。请用同一个 --database-url 再运行一次 move-to。",
        "The move of this database broke off at its last step: {file}. Run move-to once more with"
        " the same --database-url.",
    ),
    "move_failed": Label(
        "表 {table} 不能原样迁过去，什么都没有改动，原数据库照常使用。",
        "Table {table} cannot be taken over as it is; nothing was changed, the database stays in"
        " use.",
    ),
    "file_exists": Label("文件已存在，不会覆盖：{file}。", "The file exists and is kept: {file}."),
    "relay_unreadable": Label("读不了文件：{file}。", "The file cannot be read: {file}."),
    "relay_not_ours": Label(
        "这不是网格巡访的中转文件，什么都没有收入。",
        "This is no relay file; nothing was taken in.",
    ),
    "relay_other_kind": Label(
        "这是回执，应带回终端读入。", "This is a receipt; it belongs on the laptop."
    ),
    "relay_newer": Label(
        "文件由更新版本的程序写成，请升级本程序。",
        "A newer version of the program wrote the file; please upgrade this one.",
    ),
    "relay_other_recipient": Label(
        "文件是写给另一个中心的，什么都没有收入。",
        "The file is for another centre; nothing was taken in.",
    ),
    "relay_damaged": Label(
        "文件不完整或内容有改动，什么都没有收入；请从终端重新写一份。",
        "The file is cut short or was altered; nothing was taken in. Write it anew.",
    ),
    "relay_unsigned": Label(
        "文件的签名不属于它所说的终端，什么都没有收入。",
        "The file was not made by the device it names; nothing was taken in.",
    ),
    "relay_unknown_device": Label(
        "写文件的终端没有在本中心登记，什么都没有收入。",
        "The device that wrote the file is not known here; nothing was taken in.",
    ),
    "no_such_file": Label("读不到文件：{file}。", "The file cannot be read: {file}."),
    "sheet_unreadable": Label(
        "这不是能读的表格文件（XLSX 或 CSV），或者已损坏：{file}。",
        "This is no spreadsheet that can be read (XLSX or CSV), or it is damaged: {file}.",
    ),
    "sheet_old": Label(
        "这是旧的 .xls 文件，请在表格软件中另存为 .xlsx：{file}。",
        "This is an old .xls file; save it as .xlsx: {file}.",
    ),
    "sheet_locked": Label(
        "文件有密码，请先去掉密码：{file}。", "The file has a password; remove it first: {file}."
    ),
    "sheet_empty": Label("表格里没有内容：{file}。", "The sheet holds nothing: {file}."),
    "sheet_too_long": Label(
        "表格超过 {most} 行，请分成几个文件：{file}。",
        "The sheet has more than {most} rows; part it: {file}.",
    ),
    "columns_missing": Label(
        "缺少必需的列，请改表头，或在“导入”页面对应：{file}：{columns}。",
        "Needed columns are missing; correct the heads, or use the import page: {file}: {columns}.",
    ),
    "rows_refused": Label(
        "有 {count} 行没有导入，原因见上；改好后再导入一次，已导入的不会重复。",
        "{count} rows were not imported, see above; correct them and import again.",
    ),
    "import_state": Label(
        "这次导入现在不能这样做。", "The import is at another stage; this cannot be done now."
    ),
    "unknown_record": Label("没有这个编号。", "There is no such id."),
    "unknown_kind": Label(
        "没有类别“{kind}”。可用：{kinds}。", "There is no kind {kind}. Known are: {kinds}."
    ),
    "reason_needed": Label("请写明原因（2至200字）。", "Give a reason of 2 to 200 characters."),
    "unknown_building": Label(
        "网格里没有这栋楼，或不止一栋：{name}。不写 --buildings 可列出全部楼栋。",
        "The grid has no such building, or several: {name}. Without --buildings they are listed.",
    ),
    "grids_not_his": Label(
        "--by 的人不能调整网格：须是社区、街道、区县或管理员。",
        "Whom --by names may not redraw grids: it takes a community, street or district account.",
    ),
    "area_ended": Label("这个区域已经失效：{code}。", "This area has ended: {code}."),
    "name_needed": Label(
        "请用 --name 写明新网格的名称（最多200字）。", "Name the new grid with --name."
    ),
    "buildings_needed": Label(
        "划出去的楼栋不能一栋不选，也不能全选。",
        "Some buildings go: not none, and not all of them.",
    ),
    "grids_full": Label("这个社区的网格编码已经用完。", "No grid code is left in this community."),
    "same_grid": Label("不能并入自己。", "A grid cannot be merged into itself."),
    "no_grid": Label(
        "有人会不再负责任何网格：请用 --old、--new 写明谁负责。",
        "Somebody would hold no grid: say with --old and --new who works where.",
    ),
    "unknown_ledger": Label("没有这本台账：{name}。", "There is no ledger {name}."),
    "not_postgresql": Label(
        "只有 PostgreSQL 的表可以分区，请用 --database-url 指明数据库。",
        "Only tables of PostgreSQL can be put into parts; name the database with --database-url.",
    ),
    "parts_differ": Label(
        "表 {table} 分区后与原来不符，已撤销，原表没有改动。",
        "Table {table} did not come out as it was; it was undone and stands as before.",
    ),
    "program_missing": Label("找不到程序 {program}。", "The program {program} was not found."),
    "unknown_world": Label("没有这个演示世界：{world}。", "There is no demo world {world}."),
}
"""What a command says for each code."""


def lines(refusal: Refusal) -> list[str]:
    """Return the sentence of a refusal in Chinese and in English."""
    label = SENTENCES.get(refusal.code)
    if label is None:
        return [f"未能完成：{refusal.code}。", f"Not done: {CODES[refusal.code]}."]
    facts = _Facts(refusal.facts)
    return [label.zh.format_map(facts), label.en.format_map(facts)]


class _Facts(dict[str, object]):
    """Facts of a sentence; one that is not known is left out."""

    def __missing__(self, name: str) -> str:
        return ""
