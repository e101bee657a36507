-- How long each VM took to become usable, stage by stage, as Terraform and the VM tell it.
-- 'total_seconds' is there once all three stages are.
create table vm_startup (
    vm_id                   bigint primary key references vm,
    provisioning_started_at timestamptz,
    provisioning_ended_at   timestamptz,
    provisioning_seconds    double precision,
    cloud_init_started_at   timestamptz,
    cloud_init_ended_at     timestamptz,
    cloud_init_seconds      double precision,
    container_started_at    timestamptz,
    container_ended_at      timestamptz,
    container_seconds       double precision,
    total_seconds           double precision,
    other                   jsonb not null default '{}'   -- keys that this version does not know
);
