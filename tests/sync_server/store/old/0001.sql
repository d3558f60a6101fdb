CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
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
INSERT INTO "audit" VALUES('990101','01a205b2-7b7f-751d-9022-f2fe113bc233','2026-09-30 04:00:00.000000',NULL,'add_user','01a205b2-7b7e-7f9b-8838-a8921ad9489e',NULL);
INSERT INTO "audit" VALUES('990101','01a205b2-7b83-7728-be16-0d0733af6f3b','2026-09-30 04:00:00.000000',NULL,'join_code','01a205b2-7b7e-7f9b-8838-a8921ad9489e',NULL);
INSERT INTO "audit" VALUES('990101','01a205b2-7b86-7ff0-9322-3203fab3cb2d','2026-09-30 04:00:00.000000',NULL,'join_device','01a205b2-7b85-716e-addb-d5e544166642',NULL);
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
INSERT INTO "batches" VALUES('990101','01a205b2-7b8c-7735-b246-0f779c74cb08','01a205b2-7b85-716e-addb-d5e544166642','01a205b2-7b88-7686-8ab9-71aa9f1c5f13','link','2026-09-30T12:00:00+08:00','2026-09-30 04:00:00.000000',0,1,'{"applied":1}',NULL);
INSERT INTO "batches" VALUES('990101','01a205b2-7ba0-76fd-942e-41037cf00772','01a205b2-7b85-716e-addb-d5e544166642','01a205b2-7b88-7686-8ab9-71aa9f1c5f13','link','2026-09-30T12:00:00+08:00','2026-09-30 04:00:00.000000',0,1,'{"applied":1}',NULL);
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
	waits_for VARCHAR(36), 
	CONSTRAINT pk_changes PRIMARY KEY (district, change_id), 
	CONSTRAINT uq_changes_district_stream_seq UNIQUE (district, stream, seq)
);
INSERT INTO "changes" VALUES('990101','01a205b2-7b8a-7861-96ff-4e87e4f782c5','01a205b2-7b88-7686-8ab9-71aa9f1c5f13',1,'01a205b2-7b85-716e-addb-d5e544166642','01a205b2-7b8c-7735-b246-0f779c74cb08','resident',1,'01a205b2-7b8b-78e4-9955-cc5e9561e10b','create','990101100009003',NULL,'2026-09-30T12:00:00+08:00','01a205b2-7b7e-7f9b-8838-a8921ad9489e','{"name":"林示例","sex":"1","birth":"1951-04","relation":"02","household_id":"01a205b2-7b89-7540-bde0-a51af05fdf96","reside":"registered","notice_version":"2026-1","notice_at":"2026-09-30T08:41:00+08:00","basis":"consent"}',NULL,'0000000000000000000000000000000000000000000000000000000000000000','23d5762944b19f5c0c10948ff5814bfff97503bd2fa370c3659a6bd73ed7bb33','2026-09-30 04:00:00.000000',0,0,'2026-09-30 04:00:00.000000','applied',1,NULL,NULL,NULL,NULL);
INSERT INTO "changes" VALUES('990101','01a205b2-7b9f-77b9-8642-5950b67b1f38','01a205b2-7b88-7686-8ab9-71aa9f1c5f13',2,'01a205b2-7b85-716e-addb-d5e544166642','01a205b2-7ba0-76fd-942e-41037cf00772','resident',1,'01a205b2-7b8b-78e4-9955-cc5e9561e10b','update','990101100009003',1,'2026-09-30T12:00:00+08:00','01a205b2-7b7e-7f9b-8838-a8921ad9489e','{"phone":"10000000001"}',NULL,'23d5762944b19f5c0c10948ff5814bfff97503bd2fa370c3659a6bd73ed7bb33','4293ad2912b8fb6dffa5ba9db44bc51e7d6da6f59630e4a549c71abeae003d32','2026-09-30 04:00:00.000000',0,0,'2026-09-30 04:00:00.000000','applied',2,NULL,NULL,NULL,NULL);
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
	decided_at DATETIME, 
	CONSTRAINT pk_conflicts PRIMARY KEY (district, conflict_id)
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
	clock_offset_s BIGINT, 
	CONSTRAINT pk_devices PRIMARY KEY (district, device_id), 
	CONSTRAINT uq_devices_district_token_hash UNIQUE (district, token_hash)
);
INSERT INTO "devices" VALUES('990101','01a205b2-7b85-716e-addb-d5e544166642','01a205b2-7b7e-7f9b-8838-a8921ad9489e','laptop','abababababababababababababababababababababababababababababababab','495d8366b115956358d2d47ad7ca869c8ec7613322fed7a1cd7f36ce17188d0d','active','1.0.0','2026-09-30 04:00:00.000000','2026-09-30 04:00:00.000000',0);
CREATE TABLE districts (
	district VARCHAR(6) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	server_epoch VARCHAR(64) NOT NULL, 
	change_no BIGINT NOT NULL, 
	synthetic BOOLEAN NOT NULL, 
	settings JSON NOT NULL, 
	CONSTRAINT pk_districts PRIMARY KEY (district)
);
INSERT INTO "districts" VALUES('990101','区县990101','fe95f96c8ea6e5bdb886fd9a6ce2cf40',2,0,'{}');
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
INSERT INTO "join_codes" VALUES('990101','d8778b52626061d90ef4a8a7dc0b6e1d519cfeee7737df5b639217882d852fdb','01a205b2-7b7e-7f9b-8838-a8921ad9489e',NULL,'2026-09-30 04:00:00.000000','2026-10-03 04:00:00.000000','01a205b2-7b85-716e-addb-d5e544166642','2026-09-30 04:00:00.000000');
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
	search_text TEXT NOT NULL, 
	CONSTRAINT pk_records PRIMARY KEY (district, record_id), 
	CONSTRAINT uq_records_district_change_no UNIQUE (district, change_no)
);
INSERT INTO "records" VALUES('990101','01a205b2-7b8b-78e4-9955-cc5e9561e10b','resident',1,'990101100009003','01a205b2-7b89-7540-bde0-a51af05fdf96','{"name":"林示例","sex":"1","birth":"1951-04","relation":"02","household_id":"01a205b2-7b89-7540-bde0-a51af05fdf96","reside":"registered","notice_version":"2026-1","notice_at":"2026-09-30T08:41:00+08:00","basis":"consent","phone":"10000000001"}','{"":{"version":1,"change_id":"01a205b2-7b8a-7861-96ff-4e87e4f782c5","author":"01a205b2-7b7e-7f9b-8838-a8921ad9489e","device_id":"01a205b2-7b85-716e-addb-d5e544166642","happened_at":"2026-09-30T04:00:00+00:00"},"phone":{"version":2,"change_id":"01a205b2-7b9f-77b9-8642-5950b67b1f38","author":"01a205b2-7b7e-7f9b-8838-a8921ad9489e","device_id":"01a205b2-7b85-716e-addb-d5e544166642","happened_at":"2026-09-30T04:00:00+00:00"}}',2,2,0,NULL,'01a205b2-7b7e-7f9b-8838-a8921ad9489e','2026-09-30T12:00:00+08:00','2026-09-30 04:00:00.000000','2026-09-30 04:00:00.000000','01a205b2-7b85-716e-addb-d5e544166642','01a205b2-7b7e-7f9b-8838-a8921ad9489e','2026-09-30T12:00:00+08:00','林示例 linshili lsl');
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
INSERT INTO "secrets" VALUES('cursor','74181f91999017a92d17e9126c6369949d41e588d44b8834d8d75f163cf3ebb1');
INSERT INTO "secrets" VALUES('session','3cbc003102b652abf10a8e4a5deca4407377bd4c5b2b9d0eefd952b007a31f94');
INSERT INTO "secrets" VALUES('x25519','bea0b65be321603b5b38eb92646deb4b9bd95daec4b827978a84a09340d8dc10');
CREATE TABLE streams (
	district VARCHAR(6) NOT NULL, 
	stream VARCHAR(36) NOT NULL, 
	device_id VARCHAR(36) NOT NULL, 
	known_seq BIGINT NOT NULL, 
	known_hash VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_streams PRIMARY KEY (district, stream)
);
INSERT INTO "streams" VALUES('990101','01a205b2-7b88-7686-8ab9-71aa9f1c5f13','01a205b2-7b85-716e-addb-d5e544166642',2,'4293ad2912b8fb6dffa5ba9db44bc51e7d6da6f59630e4a549c71abeae003d32');
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
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_users PRIMARY KEY (district, user_id), 
	CONSTRAINT uq_users_district_no UNIQUE (district, no)
);
INSERT INTO "users" VALUES('990101','01a205b2-7b7e-7f9b-8838-a8921ad9489e','w1','张w1','full','worker','["990101100009003"]',NULL,1,0,0,NULL,'ed37d632ef0cd63cb68c55b7ea58a762','2026-09-30 04:00:00.000000');
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
CREATE INDEX ix_records_district_kind_grid ON records (district, kind, grid);
CREATE INDEX ix_records_district_kind_happened_at ON records (district, kind, happened_at);
CREATE INDEX ix_records_district_parent_id ON records (district, parent_id);
CREATE INDEX ix_streams_district_device_id ON streams (district, device_id);
