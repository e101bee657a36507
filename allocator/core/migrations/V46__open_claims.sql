-- Who has a VM, the newest first. By the negative, as `vm_by_age`: the primary key seems as good to
-- the planner otherwise, and leads through all claims of years.
create index claim_open_newest on claim (pool_id, (-id)) where released_at is null;
drop index claim_open;
