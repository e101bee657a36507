-- What the organiser's pages look up in history, beside its newest entries: requests to get back
-- into a claim, with their answers, and how GPUs were over the last hours.
create index event_reentry on event (claim_id, id)
    where kind in ('claim.reentry_requested', 'claim.link_issued');
create index event_gpu on event (pool_id, at) where kind = 'vm.gpu_changed';
