CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0006');
CREATE TABLE aliases (
	district VARCHAR(6) NOT NULL, 
	record_id VARCHAR(36) NOT NULL, 
	survivor_id VARCHAR(36) NOT NULL, 
	made_at DATETIME NOT NULL, 
	CONSTRAINT pk_aliases PRIMARY KEY (district, record_id)
);
CREATE TABLE audit (
	district VARCHAR(6) NOT NULL, 
	audit_id VARCHAR(36) NOT NULL, 
	at DATETIME NOT NULL, 
	user_id VARCHAR(36), 
	action VARCHAR(40) NOT NULL, 
	target VARCHAR(120), 
	detail JSON, 
	CONSTRAINT pk_audit PRIMARY KEY (district, audit_id)
);
INSERT INTO "audit" VALUES('990101','01a22875-e272-75db-9fbc-c81832a71c0a','2026-09-30 04:00:00.000000',NULL,'add_user','01a22875-e26d-7955-8e09-9ea2c5206463',NULL);
INSERT INTO "audit" VALUES('990101','01a22875-e27f-7a4e-a3e5-fa8a28f0ca9c','2026-09-30 04:00:00.000000',NULL,'join_code','01a22875-e26d-7955-8e09-9ea2c5206463',NULL);
INSERT INTO "audit" VALUES('990101','01a22875-e284-7a79-8783-8f1d3f72c18c','2026-09-30 04:00:00.000000',NULL,'join_device','01a22875-e282-7817-827f-73e13d17db72',NULL);
CREATE TABLE batches (
	district VARCHAR(6) NOT NULL, 
	batch_id VARCHAR(36) NOT NULL, 
	device_id VARCHAR(36) NOT NULL, 
	stream VARCHAR(36), 
	road VARCHAR(10) NOT NULL, 
	sent_at VARCHAR(40), 
	received_at DATETIME NOT NULL, 
	clock_offset_s BIGINT, 
	changes INTEGER NOT NULL, 
	outcomes JSON NOT NULL, 
	raw TEXT, 
	CONSTRAINT pk_batches PRIMARY KEY (district, batch_id)
);
INSERT INTO "batches" VALUES('990101','01a22875-e28c-7b79-ae7f-20a6d0fe7cab','01a22875-e282-7817-827f-73e13d17db72','01a22875-e287-79b9-8e7f-126ec23203bc','link','2026-09-30T12:00:00+08:00','2026-09-30 04:00:00.000000',0,1,'{"applied":1}',NULL);
INSERT INTO "batches" VALUES('990101','01a22875-e2d9-7874-a1b4-683dcf079b11','01a22875-e282-7817-827f-73e13d17db72','01a22875-e287-79b9-8e7f-126ec23203bc','link','2026-09-30T12:00:00+08:00','2026-09-30 04:00:00.000000',0,1,'{"applied":1}',NULL);
CREATE TABLE calendar_days (
	district VARCHAR(6) NOT NULL, 
	day DATE NOT NULL, 
	working BOOLEAN NOT NULL, 
	note VARCHAR(200) NOT NULL, 
	set_by VARCHAR(36) NOT NULL, 
	set_at DATETIME NOT NULL, 
	CONSTRAINT pk_calendar_days PRIMARY KEY (district, day)
);
CREATE TABLE case_numbers (
	district VARCHAR(6) NOT NULL, 
	year INTEGER NOT NULL, 
	last INTEGER NOT NULL, 
	CONSTRAINT pk_case_numbers PRIMARY KEY (district, year)
);
CREATE TABLE case_units (
	district VARCHAR(6) NOT NULL, 
	unit_id VARCHAR(36) NOT NULL, 
	issue_id VARCHAR(36) NOT NULL, 
	part VARCHAR(10) NOT NULL, 
	CONSTRAINT pk_case_units PRIMARY KEY (district, unit_id, issue_id)
);
CREATE TABLE cases (
	district VARCHAR(6) NOT NULL, 
	issue_id VARCHAR(36) NOT NULL, 
	grid VARCHAR(17) NOT NULL, 
	state VARCHAR(2) NOT NULL, 
	over BOOLEAN NOT NULL, 
	level VARCHAR(20) NOT NULL, 
	category VARCHAR(20) NOT NULL, 
	urgency VARCHAR(20) NOT NULL, 
	source VARCHAR(20) NOT NULL, 
	compound_id VARCHAR(36), 
	building_id VARCHAR(36), 
	lat BIGINT, 
	lon BIGINT, 
	author VARCHAR(36) NOT NULL, 
	unit_id VARCHAR(36), 
	assignee_id VARCHAR(36), 
	no VARCHAR(30), 
	mode VARCHAR(20), 
	path VARCHAR(20), 
	result VARCHAR(20), 
	happened_at DATETIME NOT NULL, 
	received_at DATETIME NOT NULL, 
	accepted_at DATETIME, 
	resolved_at DATETIME, 
	closed_at DATETIME, 
	due_at DATETIME, 
	first_due_at DATETIME, 
	stage_due_at DATETIME, 
	yellow_at DATETIME, 
	suspended_until DATE, 
	lookback_on DATE, 
	lookback_result VARCHAR(20), 
	asked JSON NOT NULL, 
	called JSON NOT NULL, 
	overtaken INTEGER NOT NULL, 
	self_handled BOOLEAN NOT NULL, 
	refusals INTEGER NOT NULL, 
	escalated INTEGER NOT NULL, 
	rework_count INTEGER NOT NULL, 
	reminders INTEGER NOT NULL, 
	rating INTEGER, 
	resolved_level INTEGER, 
	into_id VARCHAR(36), 
	CONSTRAINT pk_cases PRIMARY KEY (district, issue_id)
);
CREATE TABLE changes (
	district VARCHAR(6) NOT NULL, 
	change_id VARCHAR(36) NOT NULL, 
	stream VARCHAR(36), 
	seq BIGINT, 
	device_id VARCHAR(36), 
	batch_id VARCHAR(36), 
	kind VARCHAR(40) NOT NULL, 
	schema BIGINT NOT NULL, 
	record_id VARCHAR(36) NOT NULL, 
	action VARCHAR(10) NOT NULL, 
	grid VARCHAR(17), 
	base_version BIGINT, 
	made_at VARCHAR(40) NOT NULL, 
	author VARCHAR(36) NOT NULL, 
	fields JSON NOT NULL, 
	corrects VARCHAR(36), 
	prev VARCHAR(64), 
	hash VARCHAR(64), 
	received_at DATETIME NOT NULL, 
	clock_offset_s BIGINT, 
	doubtful BOOLEAN NOT NULL, 
	happened_at DATETIME NOT NULL, 
	outcome VARCHAR(12) NOT NULL, 
	version BIGINT, 
	problem JSON, 
	doubts JSON, 
	conflict_id VARCHAR(36), 
	waits_for VARCHAR(36), former_version BIGINT, time_confirmed_by VARCHAR(36), desk VARCHAR(10), fixed JSON, 
	CONSTRAINT pk_changes PRIMARY KEY (district, change_id), 
	CONSTRAINT uq_changes_district_stream_seq UNIQUE (district, stream, seq)
);
INSERT INTO "changes" VALUES('990101','01a22875-e28a-70a2-9b4b-617aabd3b91f','01a22875-e287-79b9-8e7f-126ec23203bc',1,'01a22875-e282-7817-827f-73e13d17db72','01a22875-e28c-7b79-ae7f-20a6d0fe7cab','resident',1,'01a22875-e28b-737e-8a07-1a58da510ee8','create','990101100009003',NULL,'2026-09-30T12:00:00+08:00','01a22875-e26d-7955-8e09-9ea2c5206463','{"name":"林示例","sex":"1","birth":"1951-04","relation":"02","household_id":"01a22875-e288-7660-bddb-23e9d4ab5303","reside":"registered","notice_version":"2026-1","notice_at":"2026-09-30T08:41:00+08:00","basis":"consent"}',NULL,'0000000000000000000000000000000000000000000000000000000000000000','e757fda42f12837a4e7abaa94fb071206616be21e36bf9b08ea296d0708c5f2a','2026-09-30 04:00:00.000000',0,0,'2026-09-30 04:00:00.000000','applied',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "changes" VALUES('990101','01a22875-e2d7-797f-9151-6c25b8f5f8cd','01a22875-e287-79b9-8e7f-126ec23203bc',2,'01a22875-e282-7817-827f-73e13d17db72','01a22875-e2d9-7874-a1b4-683dcf079b11','resident',1,'01a22875-e28b-737e-8a07-1a58da510ee8','update','990101100009003',1,'2026-09-30T12:00:00+08:00','01a22875-e26d-7955-8e09-9ea2c5206463','{"phone":"10000000001"}',NULL,'e757fda42f12837a4e7abaa94fb071206616be21e36bf9b08ea296d0708c5f2a','0ecd8a53c6fd32de3b7e656674c54ffadc912a955e45e49638308bdb10aec45a','2026-09-30 04:00:00.000000',0,0,'2026-09-30 04:00:00.000000','applied',2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE conflicts (
	district VARCHAR(6) NOT NULL, 
	conflict_id VARCHAR(36) NOT NULL, 
	record_id VARCHAR(36) NOT NULL, 
	path VARCHAR(120) NOT NULL, 
	base JSON, 
	visible JSON, 
	visible_change_id VARCHAR(36), 
	other JSON, 
	change_id VARCHAR(36) NOT NULL, 
	author VARCHAR(36) NOT NULL, 
	device_id VARCHAR(36), 
	happened_at DATETIME NOT NULL, 
	opened_at DATETIME NOT NULL, 
	decision VARCHAR(20), 
	automatic BOOLEAN NOT NULL, 
	decided_by VARCHAR(36), 
	decided_at DATETIME, first_decision VARCHAR(20), asked_at DATETIME, 
	CONSTRAINT pk_conflicts PRIMARY KEY (district, conflict_id)
);
CREATE TABLE deliveries (
	district VARCHAR(6) NOT NULL, 
	step_id VARCHAR(36) NOT NULL, 
	issue_id VARCHAR(36) NOT NULL, 
	user_id VARCHAR(36) NOT NULL, 
	issued_at DATETIME NOT NULL, 
	delivered_at DATETIME, 
	CONSTRAINT pk_deliveries PRIMARY KEY (district, step_id)
);
CREATE TABLE devices (
	district VARCHAR(6) NOT NULL, 
	device_id VARCHAR(36) NOT NULL, 
	worker_id VARCHAR(36) NOT NULL, 
	name VARCHAR(80) NOT NULL, 
	public_key VARCHAR(64) NOT NULL, 
	token_hash VARCHAR(64) NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	app VARCHAR(40) NOT NULL, 
	joined_at DATETIME NOT NULL, 
	last_sync_at DATETIME, 
	clock_offset_s BIGINT, account JSON, 
	CONSTRAINT pk_devices PRIMARY KEY (district, device_id), 
	CONSTRAINT uq_devices_district_token_hash UNIQUE (district, token_hash)
);
INSERT INTO "devices" VALUES('990101','01a22875-e282-7817-827f-73e13d17db72','01a22875-e26d-7955-8e09-9ea2c5206463','laptop','abababababababababababababababababababababababababababababababab','752d9114608190ca205c6677979dadf9cd7c230c8d80599f495d75272551f259','active','1.0.0','2026-09-30 04:00:00.000000','2026-09-30 04:00:00.000000',0,NULL);
CREATE TABLE districts (
	district VARCHAR(6) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	server_epoch VARCHAR(64) NOT NULL, 
	change_no BIGINT NOT NULL, 
	synthetic BOOLEAN NOT NULL, 
	settings JSON NOT NULL, version_floor BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_districts PRIMARY KEY (district)
);
INSERT INTO "districts" VALUES('990101','区县990101','31547446eb3840c6cd46a53aa3ebd8da',2,0,'{}',0);
CREATE TABLE history_marks (
	district VARCHAR(6) NOT NULL, 
	change_no BIGINT NOT NULL, 
	stamp VARCHAR(16) NOT NULL, 
	CONSTRAINT pk_history_marks PRIMARY KEY (district, change_no)
);
INSERT INTO "history_marks" VALUES('990101',1,'af889faaec03');
INSERT INTO "history_marks" VALUES('990101',2,'a9efa3f92b64');
CREATE TABLE holdings (
	district VARCHAR(6) NOT NULL, 
	user_id VARCHAR(36) NOT NULL, 
	code VARCHAR(17) NOT NULL, 
	since DATETIME NOT NULL, 
	until DATETIME, 
	CONSTRAINT pk_holdings PRIMARY KEY (district, user_id, code, since)
);
INSERT INTO "holdings" VALUES('990101','01a22875-e26d-7955-8e09-9ea2c5206463','990101100009003','2026-09-30 04:00:00.000000',NULL);
CREATE TABLE join_codes (
	district VARCHAR(6) NOT NULL, 
	code_hash VARCHAR(64) NOT NULL, 
	worker_id VARCHAR(36) NOT NULL, 
	made_by VARCHAR(36), 
	made_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	device_id VARCHAR(36), 
	used_at DATETIME, 
	CONSTRAINT pk_join_codes PRIMARY KEY (district, code_hash)
);
INSERT INTO "join_codes" VALUES('990101','f08d2ad9b38e3b4a80b20c3dd8f921751f7a532c0f5a01a7401d9e41879fcaa4','01a22875-e26d-7955-8e09-9ea2c5206463',NULL,'2026-09-30 04:00:00.000000','2026-10-03 04:00:00.000000','01a22875-e282-7817-827f-73e13d17db72','2026-09-30 04:00:00.000000');
CREATE TABLE moves (
	district VARCHAR(6) NOT NULL, 
	change_no BIGINT NOT NULL, 
	record_id VARCHAR(36) NOT NULL, 
	from_area VARCHAR(17) NOT NULL, 
	to_area VARCHAR(17) NOT NULL, 
	at DATETIME NOT NULL, 
	user_id VARCHAR(36), 
	CONSTRAINT pk_moves PRIMARY KEY (district, change_no)
);
CREATE TABLE overtaken_steps (
	district VARCHAR(6) NOT NULL, 
	step_id VARCHAR(36) NOT NULL, 
	issue_id VARCHAR(36) NOT NULL, 
	author VARCHAR(36) NOT NULL, 
	action VARCHAR(20) NOT NULL, 
	"before" VARCHAR(2) NOT NULL, 
	why VARCHAR(40) NOT NULL, 
	opened_at DATETIME NOT NULL, 
	settled_at DATETIME, 
	settled_by VARCHAR(36), 
	CONSTRAINT pk_overtaken_steps PRIMARY KEY (district, step_id)
);
CREATE TABLE photo_files (
	district VARCHAR(6) NOT NULL, 
	device_id VARCHAR(36) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	bytes BIGINT NOT NULL, 
	media_type VARCHAR(40) NOT NULL, 
	width INTEGER, 
	height INTEGER, 
	received_at DATETIME NOT NULL, 
	CONSTRAINT pk_photo_files PRIMARY KEY (district, device_id, sha256)
);
CREATE TABLE photo_uploads (
	district VARCHAR(6) NOT NULL, 
	upload_id VARCHAR(36) NOT NULL, 
	device_id VARCHAR(36) NOT NULL, 
	sha256 VARCHAR(64), 
	bytes BIGINT NOT NULL, 
	said JSON NOT NULL, 
	begun_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	done BOOLEAN NOT NULL, 
	CONSTRAINT pk_photo_uploads PRIMARY KEY (district, upload_id)
);
CREATE TABLE records (
	district VARCHAR(6) NOT NULL, 
	record_id VARCHAR(36) NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	schema INTEGER NOT NULL, 
	grid VARCHAR(17) NOT NULL, 
	parent_id VARCHAR(36), 
	fields JSON NOT NULL, 
	origins JSON NOT NULL, 
	version BIGINT NOT NULL, 
	change_no BIGINT NOT NULL, 
	voided BOOLEAN NOT NULL, 
	merged_into VARCHAR(36), 
	author VARCHAR(36) NOT NULL, 
	made_at VARCHAR(40) NOT NULL, 
	happened_at DATETIME NOT NULL, 
	received_at DATETIME NOT NULL, 
	device_id VARCHAR(36), 
	last_author VARCHAR(36) NOT NULL, 
	last_made_at VARCHAR(40) NOT NULL, 
	search_text TEXT NOT NULL, first_no BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_records PRIMARY KEY (district, record_id), 
	CONSTRAINT uq_records_district_change_no UNIQUE (district, change_no)
);
INSERT INTO "records" VALUES('990101','01a22875-e28b-737e-8a07-1a58da510ee8','resident',1,'990101100009003','01a22875-e288-7660-bddb-23e9d4ab5303','{"name":"林示例","sex":"1","birth":"1951-04","relation":"02","household_id":"01a22875-e288-7660-bddb-23e9d4ab5303","reside":"registered","notice_version":"2026-1","notice_at":"2026-09-30T08:41:00+08:00","basis":"consent","phone":"10000000001"}','{"":{"version":1,"change_id":"01a22875-e28a-70a2-9b4b-617aabd3b91f","author":"01a22875-e26d-7955-8e09-9ea2c5206463","device_id":"01a22875-e282-7817-827f-73e13d17db72","happened_at":"2026-09-30T04:00:00+00:00"},"phone":{"version":2,"change_id":"01a22875-e2d7-797f-9151-6c25b8f5f8cd","author":"01a22875-e26d-7955-8e09-9ea2c5206463","device_id":"01a22875-e282-7817-827f-73e13d17db72","happened_at":"2026-09-30T04:00:00+00:00"}}',2,2,0,NULL,'01a22875-e26d-7955-8e09-9ea2c5206463','2026-09-30T12:00:00+08:00','2026-09-30 04:00:00.000000','2026-09-30 04:00:00.000000','01a22875-e282-7817-827f-73e13d17db72','01a22875-e26d-7955-8e09-9ea2c5206463','2026-09-30T12:00:00+08:00','林示例 linshili lsl',1);
CREATE TABLE relay_files (
	district VARCHAR(6) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	device_id VARCHAR(36) NOT NULL, 
	user_id VARCHAR(36), 
	received_at DATETIME NOT NULL, 
	requests INTEGER NOT NULL, 
	changes INTEGER NOT NULL, 
	photos INTEGER NOT NULL, 
	CONSTRAINT pk_relay_files PRIMARY KEY (district, sha256)
);
CREATE TABLE reseals (
	district VARCHAR(6) NOT NULL, 
	stream VARCHAR(36) NOT NULL, 
	seq BIGINT NOT NULL, 
	change_id VARCHAR(36) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_reseals PRIMARY KEY (district, stream, seq)
);
CREATE TABLE secrets (
	name VARCHAR(40) NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_secrets PRIMARY KEY (name)
);
INSERT INTO "secrets" VALUES('cursor','4fbd63b69f9e0f6e5c446b807c7f5585eb282bb8375b53026fbd674cab95eb6c');
INSERT INTO "secrets" VALUES('session','4d1eaf964add136b2327dfc9df3d347c8fdeb25c7cd24d57a143fccc02812f6b');
INSERT INTO "secrets" VALUES('x25519','b70a2ecbf87b77d7d24ff9e67d15c6b3020ddd5d6a755cfc16c3b2a36429ef7e');
CREATE TABLE service_cases (
	district VARCHAR(6) NOT NULL, 
	service_id VARCHAR(36) NOT NULL, 
	grid VARCHAR(17) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	item VARCHAR(20) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	taker_id VARCHAR(36), 
	requested_at DATETIME NOT NULL, 
	accepted_at DATETIME, 
	respond_due DATETIME, 
	respond_at DATETIME, 
	reply_due DATETIME, 
	reply_at DATETIME, 
	solve_due DATETIME, 
	solve_at DATETIME, 
	plan_due DATETIME, 
	plan_at DATETIME, 
	next_due DATETIME, 
	result VARCHAR(20), 
	person_times INTEGER, 
	rating INTEGER, 
	CONSTRAINT pk_service_cases PRIMARY KEY (district, service_id)
);
CREATE TABLE service_marks (
	district VARCHAR(6) NOT NULL, 
	change_no BIGINT NOT NULL, 
	CONSTRAINT pk_service_marks PRIMARY KEY (district)
);
CREATE TABLE streams (
	district VARCHAR(6) NOT NULL, 
	stream VARCHAR(36) NOT NULL, 
	device_id VARCHAR(36) NOT NULL, 
	known_seq BIGINT NOT NULL, 
	known_hash VARCHAR(64) NOT NULL, follows JSON, 
	CONSTRAINT pk_streams PRIMARY KEY (district, stream)
);
INSERT INTO "streams" VALUES('990101','01a22875-e287-79b9-8e7f-126ec23203bc','01a22875-e282-7817-827f-73e13d17db72',2,'0ecd8a53c6fd32de3b7e656674c54ffadc912a955e45e49638308bdb10aec45a',NULL);
CREATE TABLE time_limits (
	district VARCHAR(6) NOT NULL, 
	clock VARCHAR(40) NOT NULL, 
	category VARCHAR(20) NOT NULL, 
	level VARCHAR(20) NOT NULL, 
	urgency VARCHAR(20) NOT NULL, 
	amount INTEGER NOT NULL, 
	unit VARCHAR(20) NOT NULL, 
	set_by VARCHAR(36) NOT NULL, 
	set_at DATETIME NOT NULL, 
	CONSTRAINT pk_time_limits PRIMARY KEY (district, clock, category, level, urgency)
);
CREATE TABLE users (
	district VARCHAR(6) NOT NULL, 
	user_id VARCHAR(36) NOT NULL, 
	no VARCHAR(40) NOT NULL, 
	name VARCHAR(60) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	role VARCHAR(20) NOT NULL, 
	scope_codes JSON NOT NULL, 
	password_hash VARCHAR(200), 
	active BOOLEAN NOT NULL, 
	demo BOOLEAN NOT NULL, 
	failed_sign_ins INTEGER NOT NULL, 
	locked_until DATETIME, 
	session_mark VARCHAR(32) NOT NULL, 
	created_at DATETIME NOT NULL, unit_id VARCHAR(36), 
	CONSTRAINT pk_users PRIMARY KEY (district, user_id), 
	CONSTRAINT uq_users_district_no UNIQUE (district, no)
);
INSERT INTO "users" VALUES('990101','01a22875-e26d-7955-8e09-9ea2c5206463','w1','张w1','full','worker','["990101100009003"]',NULL,1,0,0,NULL,'61fa3718ef7c3e8d886d55ea6d2e419a','2026-09-30 04:00:00.000000',NULL);
CREATE INDEX ix_audit_district_at ON audit (district, at);
CREATE INDEX ix_batches_district_device_id_received_at ON batches (district, device_id, received_at);
CREATE INDEX ix_batches_district_received_at ON batches (district, received_at);
CREATE INDEX ix_changes_district_batch_id ON changes (district, batch_id);
CREATE INDEX ix_changes_district_device_id_received_at ON changes (district, device_id, received_at);
CREATE INDEX ix_changes_district_outcome ON changes (district, outcome);
CREATE INDEX ix_changes_district_record_id ON changes (district, record_id);
CREATE INDEX ix_changes_waiting ON changes (district, waits_for) WHERE waits_for IS NOT NULL;
CREATE INDEX ix_conflicts_district_decision ON conflicts (district, decision);
CREATE INDEX ix_conflicts_district_record_id ON conflicts (district, record_id);
CREATE INDEX ix_records_district_grid_change_no ON records (district, grid, change_no);
CREATE INDEX ix_records_district_kind_happened_at ON records (district, kind, happened_at);
CREATE INDEX ix_records_district_parent_id ON records (district, parent_id);
CREATE INDEX ix_streams_district_device_id ON streams (district, device_id);
CREATE INDEX ix_records_search ON records (district, kind, grid, happened_at, voided, merged_into, parent_id, record_id, search_text);
CREATE INDEX ix_reseals_district_change_id ON reseals (district, change_id);
CREATE INDEX ix_changes_unsure ON changes (district, received_at) WHERE doubtful AND time_confirmed_by IS NULL;
CREATE INDEX ix_changes_corrects ON changes (district, corrects) WHERE corrects IS NOT NULL;
CREATE INDEX ix_moves_district_record_id_change_no ON moves (district, record_id, change_no);
CREATE INDEX ix_photo_files_district_sha256 ON photo_files (district, sha256);
CREATE INDEX ix_photo_uploads_district_device_id ON photo_uploads (district, device_id);
CREATE INDEX ix_photo_uploads_district_expires_at ON photo_uploads (district, expires_at);
CREATE INDEX ix_relay_files_district_received_at ON relay_files (district, received_at);
CREATE INDEX ix_cases_district_category_happened_at ON cases (district, category, happened_at);
CREATE INDEX ix_cases_district_happened_at ON cases (district, happened_at);
CREATE INDEX ix_cases_district_over_grid ON cases (district, over, grid);
CREATE INDEX ix_cases_district_state_stage_due_at ON cases (district, state, stage_due_at);
CREATE INDEX ix_case_units_district_issue_id ON case_units (district, issue_id);
CREATE INDEX ix_deliveries_district_issue_id ON deliveries (district, issue_id);
CREATE INDEX ix_deliveries_open ON deliveries (district, user_id) WHERE delivered_at IS NULL;
CREATE INDEX ix_overtaken_steps_district_issue_id ON overtaken_steps (district, issue_id);
CREATE INDEX ix_overtaken_steps_open ON overtaken_steps (district, opened_at) WHERE settled_at IS NULL;
CREATE INDEX ix_service_cases_district_state_grid ON service_cases (district, state, grid);
CREATE INDEX ix_service_cases_district_requested_at ON service_cases (district, requested_at);
