-- VMs that are instances in a cloud, and when their agents themselves were first heard.

-- What the cloud says of a VM's machine. It follows Terraform's state; a machine that is made anew
-- takes the place of the one before.
create table vm_instance (
    vm_id           bigint primary key references vm,
    instance_id     text not null,
    machine_type    text not null,
    zone            text not null,
    private_address text,
    public_address  text
);

-- A script on an instance says 'running' before its agent does. Until the agent itself was heard,
-- the row remembers that and stays 'initializing', so that nobody gets the VM. An older allocator
-- takes the script's word.
alter table vm
    add column heard_at timestamptz,
    add column said_running_at timestamptz;

-- What the configuration called the deployment when its first machine was made: everything in the
-- account bears it. Null: it had no name.
alter table pool add column deployment_name text;
