/// The new value of `vm.token_due_at` when a claim ends and its VM stays, or when a claim changes
/// hands. An agent without a token has none to renew.
pub(crate) const TOKEN_DUE: &str = "coalesce(vm.token_due_at, case when exists (
    select from agent_credential where vm_id = vm.id and agent_at is not null) then now() end)";
